// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "attention.hpp"
#include "linear.hpp"
#include "norm.hpp"
#include "rotary.hpp"

namespace inferbench::mlx_backend {

struct Layer {
  ib_layer_desc desc{};
  Norm attn_norm;
  Linear attn_qkv;    ///< the queries' outputs, then the keys', then the values'
  MaybeArray q_norm;  ///< [head_dim] or none
  MaybeArray k_norm;  ///< the same
  Linear attn_out;
  Norm attn_post_norm;  ///< may not be there
  Norm mlp_norm;
  Linear mlp_up;  ///< where the MLP is gated, the gate's outputs, then its own
  Linear mlp_down;
  Norm mlp_post_norm;  ///< may not be there

  /// Of all that is there.
  std::uint64_t bytes() const;
  /// All norms, which DecoderLoader reads as fp32, as `dtype`: MLX computes in the wider of two types.
  void set_norm_type(mx::Dtype dtype);
};

/// x in `dtype`, evaluated. None stays none.
MaybeArray as_type(const MaybeArray& x, mx::Dtype dtype);

/// {activation(x)} of {x}, or if gated {activation(gate) * up} of {gate, up}: each [rows, intermediate].
using Activation = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;

/// The activation of a description, as one compiled kernel if `is_compiled`.
Activation make_activation(const ib_model_desc& desc, bool is_compiled);

/// What all layers of a pass share.
struct Pass {
  std::vector<Segment> segments;
  std::vector<PassSegment> rows;  ///< the same, without masks
};

/// x [rows, hidden] through layer `index` of the cache. Of `desc` only numbers and flags are read.
mx::array run_layer(const Layer& layer, std::int32_t index, const ib_model_desc& desc, const RotaryTables& tables,
                    const Activation& activation, Pass& pass, Attention& attention, const mx::array& x);

}  // namespace inferbench::mlx_backend
