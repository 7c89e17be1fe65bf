// SPDX-License-Identifier: Apache-2.0
// What Gemma 2 and 3 share.
#pragma once

#include <vector>

#include "model/families/llama_like.hpp"

namespace inferbench {

/// Of Gemma's synthetic embeddings, which are scaled by sqrt(hidden_size) when they are read.
inline constexpr float kGemmaEmbeddingAmplitude = 0.012F;

/// Where the two differ. A soft cap of 0 is none.
struct GemmaDefaults {
  LlamaLikeDefaults sizes;
  double attention_soft_cap = 0;
  double logit_soft_cap = 0;
};

/// All of a Gemma but its windows and rotary tables: its layers are alike, full and not rotated.
ModelConfig read_gemma_like(const ConfigFields& fields, GemmaDefaults defaults);

/// Norms are stored as w - 1.
std::vector<StoredTensor> gemma_like_tensors(const ModelConfig& config);

}  // namespace inferbench
