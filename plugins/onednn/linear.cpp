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
std::vector<std::int8_t> quantize(const std::vector<float>& weight, bool transposed, Linear& linear) {
  const auto inputs = static_cast<std::size_t>(linear.inputs);
  const auto outputs = static_cast<std::size_t>(linear.outputs);
  const auto at = [&](std::size_t k, std::size_t n) { return transposed ? n * inputs + k : k * outputs + n; };
  linear.scales.assign(outputs, 0);
  linear.sums.assign(outputs, 0);
  std::vector<std::int8_t> codes(weight.size());
  for (std::size_t n = 0; n < outputs; ++n) {
    float largest = 0;
    for (std::size_t k = 0; k < inputs; ++k) largest = std::max(largest, std::abs(weight[at(k, n)]));
    const float scale = largest / 127;
    const float inverse = scale > 0 ? 1 / scale : 0;
    linear.scales[n] = scale;
    for (std::size_t k = 0; k < inputs; ++k) {
      const auto code = static_cast<std::int32_t>(std::lrint(weight[at(k, n)] * inverse));
      codes[at(k, n)] = static_cast<std::int8_t>(std::clamp(code, -127, 127));
      linear.sums[n] += codes[at(k, n)];
    }
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

Linear pack_linear(const dnnl::engine& engine, dnnl::stream& stream, Precision precision, std::int64_t inputs,
                   std::int64_t outputs, const std::vector<float>& weight, bool transposed, std::vector<float> bias) {
  Linear linear;
  linear.inputs = inputs;
  linear.outputs = outputs;
  linear.bias = std::move(bias);
  linear.weight = dnnl::memory(packed_layout(engine, precision, inputs, outputs), engine);
  const Tag tag = transposed ? Tag::ba : Tag::ab;
  if (precision == Precision::kInt8) {
    std::vector<std::int8_t> codes = quantize(weight, transposed, linear);
    dnnl::memory plain({{inputs, outputs}, Type::s8, tag}, engine, codes.data());
    dnnl::reorder(plain, linear.weight).execute(stream, plain, linear.weight);
    stream.wait();
  } else {
    // oneDNN takes no const pointer; a reorder does not write to its source.
    dnnl::memory plain({{inputs, outputs}, Type::f32, tag}, engine, const_cast<float*>(weight.data()));
    dnnl::reorder(plain, linear.weight).execute(stream, plain, linear.weight);
    stream.wait();
  }
  return linear;
}

}  // namespace inferbench::onednn
