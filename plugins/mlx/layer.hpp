// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <functional>
#include <span>
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
  explicit Pass(std::span<const PassSegment> pass_segments)
      : segments(pass_segments.begin(), pass_segments.end()), rows(pass_segments.begin(), pass_segments.end()) {}

  std::vector<Segment> segments;
  std::vector<PassSegment> rows;  ///< the same, without masks
};

// The parts of a layer. Of `desc` they read only numbers and flags.

/// activation(x) of x [rows, intermediate], or if gated activation(gate) * up of x [rows, 2 intermediate].
mx::array activated(const ib_model_desc& desc, const Activation& activation, const mx::array& x);

/// x [rows, hidden] -> [rows, hidden]
mx::array run_mlp(const Layer& layer, const ib_model_desc& desc, const Activation& activation, const mx::array& x);

/// Everything between the QKV projection and the output projection: qkv [rows, q + 2 kv] -> [rows, q].
/// Stores keys and values in the cache, as those of layer `index`.
mx::array attend(const Layer& layer, std::int32_t index, const ib_model_desc& desc, const RotaryTables& tables,
                 Pass& pass, Attention& attention, const mx::array& qkv);

/// x [rows, hidden] through layer `index` of the cache.
mx::array run_layer(const Layer& layer, std::int32_t index, const ib_model_desc& desc, const RotaryTables& tables,
                    const Activation& activation, Pass& pass, Attention& attention, const mx::array& x);

}  // namespace inferbench::mlx_backend
