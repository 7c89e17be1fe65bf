// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "linear.hpp"

namespace inferbench::onednn {

struct LayerNorm {
  std::vector<float> weight;  ///< [width]
  std::vector<float> bias;    ///< [width]

  std::uint64_t bytes() const { return (weight.size() + bias.size()) * sizeof(float); }
};

struct Layer {
  LayerNorm ln_1;
  Linear c_attn;  ///< [width, 3 width]: queries, keys, values
  Linear attn_c_proj;
  LayerNorm ln_2;
  Linear c_fc;
  Linear mlp_c_proj;

  std::uint64_t bytes() const;
};

/// Throws Failure for a precision that is not offered.
Precision precision_of(std::string_view name);

/// GPT-2's weights, packed by oneDNN. Immutable once created. Throws Failure, dnnl::error, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }
  /// The factor of layer `layer`'s attention scores.
  float attention_scale(std::size_t layer) const;

  Context& context;
  Precision precision;
  std::int64_t n_heads;
  std::int64_t width;
  std::int64_t inner;
  std::int64_t n_positions;
  std::int64_t vocab;
  std::int32_t activation;  ///< IB_ACTIVATION_*
  float epsilon;
  std::vector<float> wte;  ///< [vocab, width]
  std::vector<float> wpe;  ///< [n_positions, width]
  std::vector<Layer> layers;
  LayerNorm ln_f;
  Linear head;  ///< [width, vocab]; a copy of wte where it is tied, as oneDNN wants it packed

 private:
  bool scale_attn_weights_;
  bool scale_attn_by_inverse_layer_;
  ib_model_info info_{};
};

}  // namespace inferbench::onednn
