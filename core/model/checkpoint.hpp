// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "model/families/family.hpp"
#include "model/model.hpp"
#include "model/model_config.hpp"
#include "model/safetensors_file.hpp"

namespace inferbench {

/// The location of a tensor in a checkpoint.
struct TensorPlace {
  std::size_t file = 0;
  const SafetensorsTensor* tensor = nullptr;
};

/// A tensor of the model in a checkpoint. If MLX has quantized it, it has scales and biases.
struct BoundTensor {
  TensorPlace weight;
  TensorPlace scales{};
  TensorPlace biases{};

  bool is_quantized() const { return scales.tensor != nullptr; }
};

/// A folder's model.safetensors, or the shards of its index: opened, names and shapes checked, no weights read.
class Checkpoint {
 public:
  /// Throws Error that names the file and the tensor, if a tensor is missing, extra or duplicated, or has the wrong
  /// shape or dtype.
  static Checkpoint open(const std::filesystem::path& folder, const ModelConfig& config);

  std::vector<std::filesystem::path> paths() const;
  std::span<const SafetensorsFile> files() const { return files_; }
  /// The tensors of the model's family, and where each is.
  std::span<const StoredTensor> stored() const { return stored_; }
  std::span<const BoundTensor> tensors() const { return tensors_; }

  /// Views of the mapped files; tensors that are not aligned to their element are copied, and those that are quantized
  /// or stored with 1 subtracted are computed in F32.
  static std::shared_ptr<const Weights::Storage> storage(Checkpoint checkpoint, const ModelConfig& config);

 private:
  std::vector<SafetensorsFile> files_;
  std::vector<StoredTensor> stored_;
  std::vector<BoundTensor> tensors_;  // as stored_
};

}  // namespace inferbench
