// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "context.hpp"
#include "layer.hpp"

namespace inferbench::torch_backend {

/// GPT-2's weights as libtorch's tensors. Immutable once created. Throws Failure, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }
  /// The factor of layer `layer`'s attention scores.
  double attention_scale(std::size_t layer) const;

  Context& context;
  std::int64_t n_heads;
  std::int64_t width;
  std::int64_t inner;
  std::int64_t n_positions;
  std::int64_t vocab;
  LayerSettings settings;
  at::Tensor wte;  ///< [vocab, width]
  at::Tensor wpe;  ///< [n_positions, width]
  std::vector<Layer> layers;
  LayerNorm ln_f;
  std::unique_ptr<Linear> head;  ///< width -> vocab; in fp32 it shares wte where it is tied

 private:
  void load(const ib_model_params& params);

  bool scale_attn_weights_;
  bool scale_attn_by_inverse_layer_;
  ib_model_info info_{};
};

}  // namespace inferbench::torch_backend
