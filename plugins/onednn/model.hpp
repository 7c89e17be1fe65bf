// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "linear.hpp"
#include "norm.hpp"
#include "rotary.hpp"

namespace inferbench::onednn {

/// What this backend computes.
constexpr std::uint64_t kFeatures = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA;

struct Layer {
  ib_layer_desc desc{};
  Norm attn_norm;
  Linear attn_qkv;            ///< the queries' outputs, then the keys', then the values'
  std::vector<float> q_norm;  ///< [head_dim]; empty: none
  std::vector<float> k_norm;  ///< the same
  Linear attn_out;
  Norm mlp_norm;
  Linear mlp_gate;  ///< nothing where the MLP is not gated
  Linear mlp_up;
  Linear mlp_down;

  std::uint64_t bytes() const;
};

/// Throws Failure for a precision that is not offered.
Precision precision_of(std::string_view name);

/// A decoder's weights, packed by oneDNN. Immutable once created. Throws Failure, dnnl::error, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }

  Context& context;
  Precision precision;
  ib_model_desc desc;  ///< numbers and flags
  RotaryTables rotary_tables;
  std::vector<float> token_embedding;     ///< [vocab_size, hidden_size]
  std::vector<float> position_embedding;  ///< [max_positions, hidden_size]; empty: none
  std::vector<Layer> layers;
  Norm final_norm;
  Linear head;  ///< where it is tied, a copy of token_embedding, as oneDNN wants it packed

 private:
  void load(const ib_model_desc& from);

  ib_model_info info_{};
};

}  // namespace inferbench::onednn
