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

/// Weight tensors under canonical names (see ib_model_desc), with the mapped files or generated memory behind them.
/// Move-only; views are valid as long as it lives.
class Weights {
 public:
  class Storage;  // defined by each source of weights
  /// `place`: see Model::place().
  Weights(ModelConfig config, std::shared_ptr<const Storage> storage,
          std::optional<std::filesystem::path> place = std::nullopt);
  Weights(Weights&&) noexcept = default;
  Weights& operator=(Weights&&) noexcept = default;
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  ~Weights() = default;

  /// Exactly the tensors that the config asks for; shapes and byte counts are checked.
  std::span<const ib_tensor> tensors() const;
  /// The description for model_create; it borrows from *this.
  ib_model_desc desc() const;
  const ModelConfig& config() const { return config_; }
  const std::optional<std::filesystem::path>& place() const { return place_; }  ///< see Model::place()

 private:
  ModelConfig config_;
  std::optional<std::filesystem::path> place_;
  std::shared_ptr<const Storage> storage_;
};

/// An opened model: reference resolved, config and tensor headers checked, no weights read yet.
class Model {
 public:
  /// `reference`: a folder, a GGUF file, a hub name, or synthetic:SHAPE?seed=N. Relative paths are looked up in `base`
  /// (the folder of the experiment file) first, then in the working directory. Throws Error that names the file and the
  /// tensor.
  static Model open(std::string_view reference, const std::filesystem::path& base = {});

  /// As the user wrote it.
  const std::string& reference() const;
  /// Short name for tables: "gpt2", "synthetic:gpt2", or the last component of the path without ".gguf".
  const std::string& name() const;
  const ModelConfig& config() const;
  /// The folder with config.json and possibly a tokenizer, or the GGUF file; empty for synthetic models.
  const std::optional<std::filesystem::path>& place() const;
  std::uint64_t n_parameters() const;

  /// Maps the files, or generates the weights (in parallel). Throws Error.
  Weights weights() const;

  /// The files that hold the weights, in reading order; empty for synthetic models.
  const std::vector<std::filesystem::path>& files() const;

  /// SHA-256, in hex, of the weight files' bytes (in order) or, for synthetic models, of the reference's canonical
  /// text. Reads every byte, which takes seconds for large models.
  std::string sha256() const;

 private:
  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace inferbench
