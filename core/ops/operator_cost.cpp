// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_cost.hpp"

#include <algorithm>

#include "inferbench/decoder.hpp"

namespace inferbench {

namespace {

constexpr double kLayerNormFlops = 8;
constexpr double kRmsNormFlops = 4;
constexpr double kSoftmaxFlops = 5;
constexpr double kGeluFlops = 9;
constexpr double kSiluFlops = 4;
constexpr double kRotationFlops = 3;
constexpr double kCapFlops = 3;

double activation_flops(const ib_model_desc& desc) {
  const double gate = desc.gated != 0 ? 1 : 0;
  if (desc.activation == IB_ACTIVATION_RELU) return gate + 1;
  return gate + (desc.activation == IB_ACTIVATION_SILU ? kSiluFlops : kGeluFlops);
}

double norm_flops(const ib_model_desc& desc) {
  return desc.norm == IB_NORM_RMS ? kRmsNormFlops : kLayerNormFlops;
}

double rotation_flops(const ib_model_desc& desc, double rows) {
  const auto values = static_cast<double>(decoder::query_size(desc) + decoder::kv_size(desc));
  return desc.layers[0].rotary_table >= 0 ? kRotationFlops * rows * values : 0;
}

// What is between the projections and attn_out.
double attention_flops(const ib_model_desc& desc, double past, double rows) {
  const double pairs = decoder::attended_pairs(past, rows, desc.layers[0].window);
  const double of_score = kSoftmaxFlops + (desc.attention_soft_cap != 0 ? kCapFlops : 0);
  const auto normed = static_cast<double>(decoder::query_size(desc) + decoder::kv_size(desc));
  return decoder::attention_operations(desc, pairs) + of_score * pairs * desc.n_heads + rotation_flops(desc, rows) +
         (desc.qk_norm != 0 ? kRmsNormFlops * rows * normed : 0);
}

double mlp_products(const ib_model_desc& desc) {
  return decoder::kOpsPerWeight * (desc.gated != 0 ? 3.0 : 2.0) * desc.hidden_size * desc.intermediate_size;
}

}  // namespace

OperatorFlops operator_flops(const OperatorSpec& spec) {
  const ModelConfig config = layer_config(spec);
  const ib_model_desc desc = model_desc(config);
  const double rows = spec.rows;
  const double hidden = desc.hidden_size;
  const double inner = desc.intermediate_size;
  switch (spec.op) {
    case IB_OP_NORM:
      return {0, norm_flops(desc) * rows * hidden};
    case IB_OP_LINEAR:
      return {decoder::kOpsPerWeight * rows * hidden * inner, 0};
    case IB_OP_ATTENTION:
      return {0, attention_flops(desc, spec.past, rows)};
    case IB_OP_ACTIVATION:
      return {0, activation_flops(desc) * rows * inner};
    case IB_OP_SOFTMAX:
      return {0, kSoftmaxFlops * rows * hidden};
    case IB_OP_MLP:
      return {rows * mlp_products(desc), activation_flops(desc) * rows * inner};
    case IB_OP_ROTARY:
      return {0, rotation_flops(desc, rows)};
    default: {
      const double norms = desc.post_norm != 0 ? 4 : 2;
      return {decoder::kOpsPerWeight * rows * decoder::linear_weights_per_layer(desc),
              attention_flops(desc, spec.past, rows) + norms * norm_flops(desc) * rows * hidden +
                  activation_flops(desc) * rows * inner};
    }
  }
}

OperatorLimit operator_limit(const OperatorSpec& spec, std::uint64_t bytes, const WorkLimits& limits) {
  OperatorLimit limit;
  if (limits.bytes > 0) limit.memory_s = static_cast<double>(bytes) / limits.bytes;
  const OperatorFlops flops = operator_flops(spec);
  if (limits.fp32 > 0 && limits.products > 0) {
    limit.arithmetic_s = flops.products / limits.products + flops.other / limits.fp32;
  }
  limit.seconds = std::max(limit.memory_s, limit.arithmetic_s);
  return limit;
}

}  // namespace inferbench
