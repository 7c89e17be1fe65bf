// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_cost.hpp"

#include <algorithm>

#include "inferbench/decoder.hpp"

namespace inferbench {

namespace {

constexpr double kLayerNormFlops = 8;
constexpr double kSoftmaxFlops = 5;
constexpr double kGeluFlops = 9;

double activation_flops(const OperatorSpec& spec) {
  return spec.activation == IB_ACTIVATION_RELU ? 1 : kGeluFlops;
}

decoder::Shape shape_of(const OperatorSpec& spec) {
  decoder::Shape shape;
  shape.n_layers = 1;
  shape.hidden_size = spec.width;
  shape.intermediate_size = spec.inner;
  shape.query_size = spec.width;
  shape.kv_size = spec.width;
  return shape;
}

double attention_flops(const OperatorSpec& spec) {
  const double pairs = decoder::attended_pairs(spec.past, spec.rows);
  return decoder::attention_operations(shape_of(spec), pairs) + kSoftmaxFlops * pairs * spec.heads;
}

}  // namespace

OperatorFlops operator_flops(const OperatorSpec& spec) {
  const double rows = spec.rows;
  const double width = spec.width;
  const double inner = spec.inner;
  switch (spec.op) {
    case IB_OP_LAYER_NORM:
      return {0, kLayerNormFlops * rows * width};
    case IB_OP_LINEAR:
      return {decoder::kOpsPerWeight * rows * width * spec.outputs, 0};
    case IB_OP_ATTENTION:
      return {0, attention_flops(spec)};
    case IB_OP_GELU:
      return {0, activation_flops(spec) * rows * width};
    case IB_OP_SOFTMAX:
      return {0, kSoftmaxFlops * rows * width};
    case IB_OP_MLP:
      return {decoder::kOpsPerWeight * 2 * rows * width * inner, activation_flops(spec) * rows * inner};
    default:
      return {decoder::kOpsPerWeight * rows * decoder::linear_weights_per_layer(shape_of(spec)),
              attention_flops(spec) + 2 * kLayerNormFlops * rows * width + activation_flops(spec) * rows * inner};
  }
}

OperatorLimit operator_limit(const OperatorSpec& spec, bool integer_products, std::uint64_t bytes,
                             std::uint64_t all_bytes, const ThreadLimits& limits) {
  OperatorLimit limit;
  const double bandwidth = bytes > 0 ? read_bandwidth_near(limits, all_bytes) : 0;
  if (bandwidth > 0) limit.memory_s = static_cast<double>(bytes) / bandwidth;
  const OperatorFlops flops = operator_flops(spec);
  const double fp32 = limits.fp32_flops_per_s.best;
  const double peak = integer_products ? limits.int8_ops_per_s.best : fp32;
  if (fp32 > 0 && peak > 0) limit.arithmetic_s = flops.products / peak + flops.other / fp32;
  limit.seconds = std::max(limit.memory_s, limit.arithmetic_s);
  return limit;
}

}  // namespace inferbench
