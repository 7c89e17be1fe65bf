// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/decoder.hpp"
#include "model/config_fields.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// A tensor of ib_model_desc as a part of a stored one.
struct TensorView {
  std::string name;         ///< canonical (decoder.hpp)
  std::int64_t offset = 0;  ///< of its first element, in elements of the stored tensor
  std::int32_t rank = 1;    ///< 1 or 2
  std::array<std::int64_t, 2> shape{};
  std::array<std::int64_t, 2> strides{};  ///< in elements
};

/// A tensor as checkpoints hold it and as synthetic models generate it: row-major, without gaps.
struct StoredTensor {
  std::string name;  ///< in the checkpoint, without the prefixes that checkpoint_name() removes
  std::vector<std::int64_t> shape;
  decoder::TensorRole role = decoder::TensorRole::kLinearWeight;
  std::vector<TensorView> views;  ///< at least one
  bool add_one = false;           ///< the views' values are 1 + the stored ones (Gemma's norms); one view, of all of it

  std::int64_t n_elements() const;
};

/// A synthetic model: synthetic:NAME.
struct SyntheticShape {
  std::string_view name;
  std::string_view config_json;  ///< the settings of the published model
};

/// How one family of models is written in files. A new family is one of these, in a file of its own, and a line in
/// families.cpp.
struct Family {
  std::string_view name;                            ///< for messages, such as "Llama"
  std::span<const std::string_view> model_types;    ///< of config.json
  std::span<const std::string_view> architectures;  ///< of config.json
  /// Everything but model_type and end_tokens. Applies every setting that changes the logits, or throws Error.
  ModelConfig (*read_config)(const ConfigFields& fields);
  /// All tensors of a model; their views are decoder::tensors(model_desc(config)), in any order.
  std::vector<StoredTensor> (*stored_tensors)(const ModelConfig& config);
  /// Whether checkpoints may hold this tensor (named as in StoredTensor) beside those of the model.
  bool (*is_unused)(std::string_view name);
  std::span<const SyntheticShape> shapes;
  float embedding_amplitude;  ///< of synthetic token embeddings and heads
};

}  // namespace inferbench
