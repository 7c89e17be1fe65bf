// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "attention.hpp"
#include "inferbench/engine_passes.hpp"
#include "linear.hpp"
#include "norm.hpp"
#include "rotary.hpp"

namespace inferbench::torch_backend {

// A GPU needs more rows in a pass to be busy.
constexpr std::int32_t kDevicePassRows = 2048;
inline std::int32_t pass_rows(c10::Device device) {
  return device.is_cpu() ? kPassRows : kDevicePassRows;
}

struct Layer {
  ib_layer_desc desc{};
  Norm attn_norm;
  std::unique_ptr<Linear> attn_qkv;  ///< the queries' outputs, then the keys', then the values'
  at::Tensor q_norm;                 ///< [head_dim]; undefined: none
  at::Tensor k_norm;                 ///< the same
  std::unique_ptr<Linear> attn_out;
  Norm attn_post_norm;  ///< may not be there
  Norm mlp_norm;
  std::unique_ptr<Linear> mlp_up;  ///< where the MLP is gated, the gate's outputs, then its own
  std::unique_ptr<Linear> mlp_down;
  Norm mlp_post_norm;  ///< may not be there

  /// Of all that is there.
  std::uint64_t bytes() const;
};

/// What all layers of a pass share.
struct Pass {
  std::vector<Segment> segments;
  Rotation rotation;
};

// The parts of a layer. Of `desc` they read only numbers and flags.

/// activation(x) of x [rows, intermediate], or if gated activation(gate) * up of x [rows, 2 intermediate].
at::Tensor activated(const ib_model_desc& desc, const at::Tensor& x);

/// x [rows, hidden] -> [rows, hidden]
at::Tensor run_mlp(const Layer& layer, const ib_model_desc& desc, const at::Tensor& x);

/// Everything between the QKV projection and the output projection: qkv [rows, q + 2 kv] -> [rows, q].
/// Stores keys and values in the cache, as those of layer `index`.
at::Tensor attend(const Layer& layer, std::int64_t index, const ib_model_desc& desc, Pass& pass, Attention& attention,
                  const at::Tensor& qkv);

/// x [rows, hidden] through `layer`, in place.
void run_layer(const Layer& layer, std::int64_t index, const ib_model_desc& desc, Pass& pass, Attention& attention,
               at::Tensor& x);

}  // namespace inferbench::torch_backend
