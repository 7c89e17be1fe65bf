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

/// All tensors of a model of this config, in the order that a forward pass reads them.
std::vector<TensorSpec> canonical_tensors(const ModelConfig& config);

/// Elements of all of them: a tied head counts once.
std::uint64_t count_parameters(const ModelConfig& config);

/// A checkpoint's tensor name without the prefixes of who saved it: "_orig_mod." (torch.compile), "module."
/// (data-parallel wrappers), then "transformer." (GPT2LMHeadModel).
std::string_view canonical_name(std::string_view name);

/// The causal mask that original checkpoints carry as h.{i}.attn.bias and h.{i}.attn.masked_bias (canonical names).
bool is_mask_buffer(std::string_view name);

}  // namespace inferbench
