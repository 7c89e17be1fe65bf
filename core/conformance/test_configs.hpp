// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_config.hpp"

namespace inferbench::conformance {

// Sizes and flags of the test models. `features`: IB_FEATURE_* that the backend declares; a model needs no others. With
// kWholeFamilies among them, all models are such as family_configs() has.

/// Stands among the features of a backend that declares IB_FLAG_WHOLE_FAMILIES.
inline constexpr std::uint64_t kWholeFamilies = std::uint64_t{1} << 63U;

/// A small model with as few features as possible, and those of GPT-2 where there is a choice: 2 layers, 4 heads of 16,
/// hidden size 64, 128 positions, 257 tokens, a tied head.
ModelConfig plain_config(std::uint64_t features);

/// The small model with as many features as one model can have, and those of Llama or Gemma where there is a choice. It
/// has 3 layers and an untied head.
ModelConfig full_config(std::uint64_t features);

/// The plain model, but large enough that its memory is visible above the allocator's noise: 3.5 million parameters.
ModelConfig large_config(std::uint64_t features);

/// A model in a rule's scope, and what tells it from the plain one: empty, or such as "full model: ".
struct NamedConfig {
  std::string name;
  ModelConfig config;
};

/// The plain and the full model; only the plain one if they do not differ.
std::vector<NamedConfig> base_configs(std::uint64_t features);

/// The smallest models in which that feature matters: the plain model with the feature, in the variants that a backend
/// may get wrong separately. `feature` is in `features`. Names are unique, such as "2 kv heads".
std::vector<NamedConfig> configs_with(std::uint64_t feature, std::uint64_t features);

// ---- parts of them, for other test models ----

/// Makes every layer rotated, without learned positions: one table per entry of `scales`, with different frequencies;
/// the layers take them in turn.
void set_rotary(ModelConfig& config, const std::vector<double>& scales);
/// Sets the head size; attention scales follow.
void set_head_dim(ModelConfig& config, std::int32_t head_dim);

/// The activations that `features` contain, as IB_ACTIVATION_* codes.
std::vector<std::int32_t> declared_activations(std::uint64_t features);

}  // namespace inferbench::conformance
