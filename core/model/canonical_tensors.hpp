// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_config.hpp"

namespace inferbench {

enum class TensorRole : std::uint8_t {
  kTokenEmbedding,
  kPositionEmbedding,
  kLinearWeight,
  kLinearBias,
  kNormWeight,
  kNormBias,
};

/// A tensor that a model must have: canonical name (ib_model_desc) and shape, rank 1 or 2.
struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  TensorRole role = TensorRole::kLinearWeight;

  std::uint64_t n_elements() const;
};

/// All tensors of a model with this config, in the order in which a forward pass reads them.
std::vector<TensorSpec> canonical_tensors(const ModelConfig& config);

/// Number of elements of all tensors; a tied head counts once.
std::uint64_t count_parameters(const ModelConfig& config);

/// A checkpoint's tensor name without the prefixes that the saving code added: "_orig_mod." (torch.compile), "module."
/// (data-parallel wrappers), then "transformer." (GPT2LMHeadModel).
std::string_view canonical_name(std::string_view name);

/// Whether `name` (canonical) is a causal mask, which original checkpoints store as h.{i}.attn.bias and
/// h.{i}.attn.masked_bias.
bool is_mask_buffer(std::string_view name);

}  // namespace inferbench
