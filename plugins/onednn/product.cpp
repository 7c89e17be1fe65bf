// SPDX-License-Identifier: Apache-2.0
#include "product.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "inferbench/backend.h"
#include "inferbench/backend_failure.hpp"
#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;
using dnnl::algorithm;

// Without VNNI instructions oneDNN adds products of unsigned and signed bytes in pairs, in 16 bits that saturate: two
// of 255 * 127 do not fit, two of 127 * 127 do. So the activations then have 7 bits.
std::int32_t zero_point() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto vnni = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_vnni);
  const bool has_vnni = (isa & vnni) == vnni || isa == static_cast<unsigned>(dnnl::cpu_isa::avx2_vnni);
  return has_vnni ? 128 : 64;
}

algorithm algorithm_of(Then then) {
  if (then == Then::kGeluTanh) return algorithm::eltwise_gelu_tanh;
  if (then == Then::kGeluErf) return algorithm::eltwise_gelu_erf;
  return then == Then::kRelu ? algorithm::eltwise_relu : algorithm::eltwise_swish;
}

// SiLU is swish with factor 1; ReLU has slope 0 below 0.
float parameter_of(Then then) {
  return then == Then::kSilu ? 1.0F : 0.0F;
}

bool is_activation(Then then) {
  return then != Then::kStore && then != Then::kAddTo && then != Then::kTimes;
}

dnnl::primitive_attr post_ops(Then then, const dnnl::memory::desc& y) {
  dnnl::post_ops ops;
  if (then == Then::kAddTo) ops.append_sum();
  if (then == Then::kTimes) ops.append_binary(algorithm::binary_mul, y);
  if (is_activation(then)) append_activation(ops, algorithm_of(then), parameter_of(then));
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  return attributes;
}

dnnl::memory::desc dense(std::int64_t rows, std::int64_t columns, Type type) {
  return {{rows, columns}, type, Tag::ab};
}

}  // namespace

Then activation_step(std::int32_t activation) {
  if (activation == IB_ACTIVATION_GELU_TANH) return Then::kGeluTanh;
  if (activation == IB_ACTIVATION_GELU_ERF) return Then::kGeluErf;
  if (activation == IB_ACTIVATION_RELU) return Then::kRelu;
  if (activation == IB_ACTIVATION_SILU) return Then::kSilu;
  throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(activation));
}

Products::Products(const dnnl::engine& engine, Precision precision, std::int64_t max_rows, std::int64_t max_input,
                   std::int64_t max_output)
    : engine_(engine), precision_(precision), zero_point_(zero_point()) {
  if (precision == Precision::kFp32) return;
  codes_.resize(static_cast<std::size_t>(max_input));
  row_scales_.resize(static_cast<std::size_t>(max_rows));
  sums_.resize(static_cast<std::size_t>(max_output));
}

std::uint64_t Products::scratch_bytes() const {
  return codes_.size() + (row_scales_.size() + sums_.size()) * sizeof(float);
}

const dnnl::matmul& Products::matmul(const Linear& linear, std::int64_t rows, Then then) {
  const Key key{linear.inputs, linear.outputs, rows, then, !linear.bias.empty()};
  if (const auto found = matmuls_.find(key); found != matmuls_.end()) return found->second;
  const bool narrow = precision_ == Precision::kInt8;
  const dnnl::memory::desc x = dense(rows, linear.inputs, narrow ? Type::u8 : Type::f32);
  const dnnl::memory::desc y = dense(rows, linear.outputs, narrow ? Type::s32 : Type::f32);
  const dnnl::memory::desc bias = dense(1, linear.outputs, Type::f32);
  const bool with_bias = !narrow && !linear.bias.empty();
  const dnnl::primitive_attr attributes = narrow ? dnnl::primitive_attr() : post_ops(then, y);
  const dnnl::memory::desc w = linear.weight.get_desc();
  return matmuls_
      .emplace(key,
               with_bias ? make_matmul(engine_, x, w, bias, y, attributes) : make_matmul(engine_, x, w, y, attributes))
      .first->second;
}

void Products::run(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y, Then then,
                   const float* factor) {
  if (precision_ == Precision::kInt8) return run_int8(stream, linear, x, rows, y, then, factor);
  const dnnl::memory::desc layout = dense(rows, linear.outputs, Type::f32);
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, input_memory(engine_, dense(rows, linear.inputs, Type::f32), x)},
      {DNNL_ARG_WEIGHTS, linear.weight},
      {DNNL_ARG_DST, {layout, engine_, y}}};
  if (!linear.bias.empty()) {
    arguments.emplace(DNNL_ARG_BIAS, input_memory(engine_, dense(1, linear.outputs, Type::f32), linear.bias.data()));
  }
  if (then == Then::kTimes) {
    arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, input_memory(engine_, layout, factor));
  }
  matmul(linear, rows, then).execute(stream, arguments);
  stream.wait();
}

// codes = round(x / scale) + zero point, scale = max |x| / (zero point - 1) of the row.
void Products::quantize_rows(const float* x, std::int64_t rows, std::int64_t inputs) {
  const auto steps = static_cast<float>(zero_point_ - 1);
#pragma omp parallel for
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * inputs;
    float largest = 0;
    for (std::int64_t i = 0; i < inputs; ++i) largest = std::max(largest, std::abs(row[i]));
    const float inverse = largest > 0 ? steps / largest : 0;
    row_scales_[static_cast<std::size_t>(r)] = largest / steps;
    std::uint8_t* codes = codes_.data() + r * inputs;
    for (std::int64_t i = 0; i < inputs; ++i) {
      codes[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(row[i] * inverse)) + zero_point_);
    }
  }
}

void Products::activate(dnnl::stream& stream, std::int64_t rows, std::int64_t columns, const float* x, float* y,
                        Then then) {
  const Key key{0, columns, rows, then, false};
  const dnnl::memory::desc layout = dense(rows, columns, Type::f32);
  auto found = activations_.find(key);
  if (found == activations_.end()) {
    found = activations_.emplace(key, make_activation(engine_, algorithm_of(then), parameter_of(then), layout)).first;
  }
  found->second.execute(stream,
                        {{DNNL_ARG_SRC, input_memory(engine_, layout, x)}, {DNNL_ARG_DST, {layout, engine_, y}}});
  stream.wait();
}

void Products::run_int8(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y,
                        Then then, const float* factor) {
  quantize_rows(x, rows, linear.inputs);
  matmul(linear, rows, Then::kStore)
      .execute(stream, {{DNNL_ARG_SRC, {dense(rows, linear.inputs, Type::u8), engine_, codes_.data()}},
                        {DNNL_ARG_WEIGHTS, linear.weight},
                        {DNNL_ARG_DST, {dense(rows, linear.outputs, Type::s32), engine_, sums_.data()}}});
  stream.wait();
  scale_sums(linear, rows, y, then, factor);
  if (is_activation(then)) activate(stream, rows, linear.outputs, y, y, then);
}

void Products::scale_sums(const Linear& linear, std::int64_t rows, float* y, Then then, const float* factor) const {
  const std::int64_t outputs = linear.outputs;
  // Each row is cut into chunks, so that threads share a single row as well.
  constexpr std::int64_t kChunk = 1024;
  const std::int64_t chunks = (outputs + kChunk - 1) / kChunk;
#pragma omp parallel for
  for (std::int64_t item = 0; item < rows * chunks; ++item) {
    const std::int64_t r = item / chunks;
    const std::int64_t begin = item % chunks * kChunk;
    const std::int64_t end = std::min(begin + kChunk, outputs);
    const float row_scale = row_scales_[static_cast<std::size_t>(r)];
    const std::int32_t* sums = sums_.data() + r * outputs;
    const float* bias = linear.bias.empty() ? nullptr : linear.bias.data();
    const float* factors = then == Then::kTimes ? factor + r * outputs : nullptr;
    float* to = y + r * outputs;
    for (std::int64_t n = begin; n < end; ++n) {
      const auto i = static_cast<std::size_t>(n);
      const auto sum = static_cast<float>(sums[n] - zero_point_ * linear.sums[i]);
      const float value = sum * (row_scale * linear.scales[i]) + (bias == nullptr ? 0 : bias[n]);
      if (then == Then::kAddTo) {
        to[n] += value;
      } else {
        to[n] = factors == nullptr ? value : value * factors[n];
      }
    }
  }
}

}  // namespace inferbench::onednn
