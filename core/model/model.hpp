// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend.h"
#include "model/model_config.hpp"

namespace inferbench {

/// Weight tensors under canonical names (see ib_model_desc), and whatever keeps them readable: mapped files, or
/// generated memory. Move-only; views die with it.
class Weights {
 public:
  class Storage;  // defined by each source
  Weights(ModelConfig config, std::shared_ptr<const Storage> storage);
  Weights(Weights&&) noexcept = default;
  Weights& operator=(Weights&&) noexcept = default;
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  ~Weights() = default;

  /// All tensors that the config asks for, none besides; shapes and byte counts checked.
  std::span<const ib_tensor> tensors() const;
  /// The description that model_create takes; it borrows from *this.
  ib_model_desc desc() const;
  const ModelConfig& config() const { return config_; }

 private:
  ModelConfig config_;
  std::shared_ptr<const Storage> storage_;
};

/// An opened model: the reference resolved, config and tensor headers checked, no weight read yet.
class Model {
 public:
  /// `reference`: a folder, a hub name, or synthetic:SHAPE?seed=N (DESIGN section 3). Relative folders are taken from
  /// `base` (the folder of the experiment file), else from the working directory.
  /// Throws Error that names the file and the tensor.
  static Model open(std::string_view reference, const std::filesystem::path& base = {});

  /// As the user wrote it.
  const std::string& reference() const;
  /// Short, for tables: "gpt2", "synthetic:gpt2", the folder's last name.
  const std::string& name() const;
  const ModelConfig& config() const;
  /// Folder with config.json and, perhaps, a tokenizer; empty for synthetic models.
  const std::optional<std::filesystem::path>& folder() const;
  std::uint64_t n_parameters() const;

  /// Maps the files, or generates the weights (in parallel). Throws Error.
  Weights weights() const;

  /// Files that hold the weights, in the order that they are read; empty for synthetic models.
  const std::vector<std::filesystem::path>& files() const;

  /// SHA-256, hex, over the weight files' bytes (in order), or, for synthetic models, over the reference's canonical
  /// text. Reads every byte: seconds for large models.
  std::string sha256() const;

 private:
  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace inferbench
