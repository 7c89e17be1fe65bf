// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

// The layout that suits a block of rows serves one row as well.
constexpr std::int64_t kRowsPackedFor = 64;

dnnl::memory::desc packed_layout(const dnnl::engine& engine, Precision precision, std::int64_t inputs,
                                 std::int64_t outputs) {
  const bool narrow = precision == Precision::kInt8;
  const dnnl::memory::desc x({kRowsPackedFor, inputs}, narrow ? Type::u8 : Type::f32, Tag::ab);
  const dnnl::memory::desc w({inputs, outputs}, narrow ? Type::s8 : Type::f32, Tag::any);
  const dnnl::memory::desc y({kRowsPackedFor, outputs}, narrow ? Type::s32 : Type::f32, Tag::ab);
  return packed_weights(engine, x, w, y);
}

/// Codes of all weights in their own order, with a scale and a sum for each channel.
std::vector<std::int8_t> quantize(const Matrix& weight, Linear& linear) {
  const std::int64_t inputs = weight.inputs;
  const std::int64_t outputs = weight.outputs;
  const std::int64_t next_input = weight.by_outputs ? 1 : outputs;
  linear.scales.assign(static_cast<std::size_t>(outputs), 0);
  linear.sums.assign(static_cast<std::size_t>(outputs), 0);
  std::vector<std::int8_t> codes(weight.values.size());
#pragma omp parallel for
  for (std::int64_t n = 0; n < outputs; ++n) {
    const std::int64_t first = weight.by_outputs ? n * inputs : n;
    const float* from = weight.values.data() + first;
    std::int8_t* to = codes.data() + first;
    float largest = 0;
    for (std::int64_t k = 0; k < inputs; ++k) largest = std::max(largest, std::abs(from[k * next_input]));
    const float scale = largest / 127;
    const float inverse = scale > 0 ? 1 / scale : 0;
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < inputs; ++k) {
      const auto code = static_cast<std::int32_t>(std::lrint(from[k * next_input] * inverse));
      to[k * next_input] = static_cast<std::int8_t>(std::clamp(code, -127, 127));
      sum += to[k * next_input];
    }
    linear.scales[static_cast<std::size_t>(n)] = scale;
    linear.sums[static_cast<std::size_t>(n)] = sum;
  }
  return codes;
}

}  // namespace

void Linear::own_weight(const dnnl::engine& engine) {
  if (outputs == 0) return;
  const dnnl::memory shared = weight;
  weight = dnnl::memory(shared.get_desc(), engine);
  std::memcpy(weight.get_data_handle(), shared.get_data_handle(), shared.get_desc().get_size());
}

std::uint64_t Linear::bytes() const {
  if (outputs == 0) return 0;
  return weight.get_desc().get_size() + (bias.size() + scales.size() + sums.size()) * sizeof(float);
}

Linear pack_linear(const dnnl::engine& engine, dnnl::stream& stream, Precision precision, const Matrix& weight,
                   std::vector<float> bias) {
  Linear linear;
  linear.inputs = weight.inputs;
  linear.outputs = weight.outputs;
  linear.bias = std::move(bias);
  linear.weight = dnnl::memory(packed_layout(engine, precision, weight.inputs, weight.outputs), engine);
  const bool narrow = precision == Precision::kInt8;
  const dnnl::memory::desc layout({weight.inputs, weight.outputs}, narrow ? Type::s8 : Type::f32,
                                  weight.by_outputs ? Tag::ba : Tag::ab);
  std::vector<std::int8_t> codes;
  if (narrow) codes = quantize(weight, linear);
  const void* values = narrow ? static_cast<const void*>(codes.data()) : weight.values.data();
  dnnl::memory plain = input_memory(engine, layout, values);
  dnnl::reorder(plain, linear.weight).execute(stream, plain, linear.weight);
  stream.wait();
  return linear;
}

}  // namespace inferbench::onednn
