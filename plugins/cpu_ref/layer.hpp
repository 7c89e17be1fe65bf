// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "packed_matrix.hpp"
#include "shape.hpp"

namespace inferbench::cpu_ref {

class Loader;
class Parts;

struct Norm {
  float* weight = nullptr;  ///< [hidden_size]
  float* bias = nullptr;    ///< [hidden_size]; null: an RMS norm
};

struct Linear {
  PackedMatrix weight;    ///< [inputs, outputs]
  float* bias = nullptr;  ///< [outputs]; null: none
};

/// The weights of one layer. Projections of the same input are one product: attn_q, attn_k and attn_v, and mlp_gate and
/// mlp_up.
struct Layer {
  std::int64_t window = 0;  ///< positions that a token attends to; 0: all
  std::int32_t rotary_table = -1;
  float attention_scale = 1;

  Norm attn_norm;
  Linear attn_in;           ///< [hidden_size, qkv_size]
  float* q_norm = nullptr;  ///< [head_dim]; null: queries and keys are not normed
  float* k_norm = nullptr;  ///< [head_dim]
  Linear attn_out;          ///< [query_size, hidden_size]
  Norm attn_post_norm;      ///< null weight: none
  Norm mlp_norm;
  Linear mlp_in;       ///< [hidden_size, mlp_in_size]
  Linear mlp_down;     ///< [intermediate_size, hidden_size]
  Norm mlp_post_norm;  ///< null weight: none
};

/// Groups of a layer's weights, as bits: a single operator has only some of them.
using LayerParts = unsigned;
constexpr LayerParts kNoParts = 0;
constexpr LayerParts kAttnNorm = 1U << 0;
constexpr LayerParts kAttnIn = 1U << 1;
constexpr LayerParts kQkNorm = 1U << 2;
constexpr LayerParts kAttnOut = 1U << 3;
constexpr LayerParts kMlpNorm = 1U << 4;
constexpr LayerParts kMlpIn = 1U << 5;
constexpr LayerParts kMlpDown = 1U << 6;
constexpr LayerParts kPostNorms = 1U << 7;
constexpr LayerParts kAllParts = (1U << 8) - 1;

/// Window, rotary table and attention scale of layer `i` of the description.
void describe_layer(const ib_model_desc& desc, std::int32_t i, Layer& layer);

/// Takes memory for those of the `wanted` weights that the shape has, in the order in which forward reads them.
void lay_out_layer(Parts& parts, const Shape& shape, LayerParts wanted, Layer& layer);

/// Fills what lay_out_layer laid out, from the tensors whose names begin with "layer.{i}.". Throws Failure.
void load_layer(Loader& load, const Shape& shape, LayerParts wanted, std::int32_t i, const Layer& layer);

}  // namespace inferbench::cpu_ref
