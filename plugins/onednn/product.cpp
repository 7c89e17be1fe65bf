// SPDX-License-Identifier: Apache-2.0
#include "product.hpp"

#include <algorithm>
#include <cmath>

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
  return algorithm::eltwise_relu;
}

bool is_activation(Then then) {
  return then != Then::kStore && then != Then::kAddTo;
}

dnnl::primitive_attr post_ops(Then then) {
  dnnl::post_ops ops;
  if (then == Then::kAddTo) ops.append_sum();
  if (is_activation(then)) append_activation(ops, algorithm_of(then));
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  return attributes;
}

// oneDNN takes no const pointer, and does not write to what it reads.
template <typename T>
dnnl::memory view(const dnnl::engine& engine, std::int64_t rows, std::int64_t columns, Type type, const T* data) {
  return {{{rows, columns}, type, Tag::ab}, engine, const_cast<T*>(data)};
}

}  // namespace

Products::Products(const dnnl::engine& engine, Precision precision, std::int64_t max_rows, std::int64_t max_inputs,
                   std::int64_t max_outputs)
    : engine_(engine), precision_(precision), zero_point_(zero_point()) {
  if (precision == Precision::kFp32) return;
  codes_.resize(static_cast<std::size_t>(max_rows * max_inputs));
  row_scales_.resize(static_cast<std::size_t>(max_rows));
  sums_.resize(static_cast<std::size_t>(max_rows * max_outputs));
}

std::uint64_t Products::scratch_bytes() const {
  return codes_.size() + (row_scales_.size() + sums_.size()) * sizeof(float);
}

const dnnl::matmul& Products::matmul(const Linear& linear, std::int64_t rows, Then then) {
  const Key key{linear.inputs, linear.outputs, rows, then, !linear.bias.empty()};
  if (const auto found = matmuls_.find(key); found != matmuls_.end()) return found->second;
  const bool narrow = precision_ == Precision::kInt8;
  const dnnl::memory::desc x({rows, linear.inputs}, narrow ? Type::u8 : Type::f32, Tag::ab);
  const dnnl::memory::desc y({rows, linear.outputs}, narrow ? Type::s32 : Type::f32, Tag::ab);
  const dnnl::memory::desc bias({1, linear.outputs}, Type::f32, Tag::ab);
  const bool with_bias = !narrow && !linear.bias.empty();
  const dnnl::primitive_attr attributes = narrow ? dnnl::primitive_attr() : post_ops(then);
  const dnnl::memory::desc w = linear.weight.get_desc();
  return matmuls_
      .emplace(key,
               with_bias ? make_matmul(engine_, x, w, bias, y, attributes) : make_matmul(engine_, x, w, y, attributes))
      .first->second;
}

void Products::run(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y, Then then) {
  if (precision_ == Precision::kInt8) return run_int8(stream, linear, x, rows, y, then);
  std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, view(engine_, rows, linear.inputs, Type::f32, x)},
                                                  {DNNL_ARG_WEIGHTS, linear.weight},
                                                  {DNNL_ARG_DST, view(engine_, rows, linear.outputs, Type::f32, y)}};
  if (!linear.bias.empty()) {
    arguments.emplace(DNNL_ARG_BIAS, view(engine_, 1, linear.outputs, Type::f32, linear.bias.data()));
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
  auto found = activations_.find(key);
  if (found == activations_.end()) {
    const dnnl::memory::desc layout({rows, columns}, Type::f32, Tag::ab);
    found = activations_.emplace(key, make_activation(engine_, algorithm_of(then), layout)).first;
  }
  found->second.execute(stream, {{DNNL_ARG_SRC, view(engine_, rows, columns, Type::f32, x)},
                                 {DNNL_ARG_DST, view(engine_, rows, columns, Type::f32, y)}});
  stream.wait();
}

void Products::run_int8(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y,
                        Then then) {
  quantize_rows(x, rows, linear.inputs);
  matmul(linear, rows, Then::kStore)
      .execute(stream, {{DNNL_ARG_SRC, view(engine_, rows, linear.inputs, Type::u8, codes_.data())},
                        {DNNL_ARG_WEIGHTS, linear.weight},
                        {DNNL_ARG_DST, view(engine_, rows, linear.outputs, Type::s32, sums_.data())}});
  stream.wait();
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
    float* to = y + r * outputs;
    for (std::int64_t n = begin; n < end; ++n) {
      const auto i = static_cast<std::size_t>(n);
      const auto sum = static_cast<float>(sums[n] - zero_point_ * linear.sums[i]);
      const float value = sum * (row_scale * linear.scales[i]) + (bias == nullptr ? 0 : bias[n]);
      to[n] = then == Then::kAddTo ? to[n] + value : value;
    }
  }
  if (is_activation(then)) activate(stream, rows, outputs, y, y, then);
}

}  // namespace inferbench::onednn
