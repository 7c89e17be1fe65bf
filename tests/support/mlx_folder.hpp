// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/safetensors_writer.hpp"

namespace inferbench {

/// How one matrix is quantized.
struct MlxFormat {
  unsigned bits = 4;
  std::size_t group = 32;
};

/// A model's folder, quantized as mlx_lm.convert does it, by the definition of the format and not by MLX.
class MlxFolder {
 public:
  struct Tensor {
    SafetensorsWriter::Tensor head;
    std::string data;
    std::size_t file;  ///< index of the file that it is in
  };

  /// All matrices of `source`, a folder with one safetensors file or several; `format_of(i)` is the format of the i-th.
  MlxFolder(const std::filesystem::path& source, const std::function<MlxFormat(std::size_t)>& format_of);

  /// Tensors can be damaged before they are written. Throws std::runtime_error if there is none of that name.
  Tensor& tensor(const std::string& name);
  void remove(const std::string& name);

  /// The values that the quantized matrices have, by their name in the checkpoint, with ".weight".
  const std::map<std::string, std::vector<float>>& values() const { return values_; }

  /// Writes config.json, and as many safetensors files as the source has, to `folder`, which exists.
  void write(const std::filesystem::path& folder) const;

 private:
  void add_file(const std::filesystem::path& path, const std::function<MlxFormat(std::size_t)>& format_of);
  void add_matrix(const std::string& stem, const std::vector<float>& weights, std::size_t rows, MlxFormat format);
  void write_index(const std::filesystem::path& folder) const;

  std::filesystem::path source_;
  std::vector<std::string> files_;  // their names
  std::vector<Tensor> tensors_;
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace inferbench
