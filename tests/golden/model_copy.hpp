// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>

namespace inferbench::golden {

/// The forms in which a fixture's model can be written: a GGUF file in the types of its tensors or with matrices in
/// Q8_0, and a folder quantized by MLX, whose layers have 4 bits, or differ from matrix to matrix.
inline constexpr std::array<const char*, 3> kCopyForms = {"gguf", "gguf-q8_0", "mlx"};

/// Whether the weights of such a copy are others than those of the fixture.
bool changes_weights(const std::string& form);

/// A copy of a fixture's model, removed by the destructor.
class ModelCopy {
 public:
  /// Throws Error, std::runtime_error.
  ModelCopy(const std::string& fixture, const std::string& form);
  ModelCopy(const ModelCopy&) = delete;
  ModelCopy& operator=(const ModelCopy&) = delete;
  ~ModelCopy();
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace inferbench::golden
