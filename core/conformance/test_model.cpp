// SPDX-License-Identifier: Apache-2.0
#include "conformance/test_model.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#include "model/synthetic_formula.hpp"
#include "support/error.hpp"

namespace inferbench::conformance {

namespace {

using decoder::TensorRole;
using decoder::TensorSpec;

struct Spread {
  float amplitude;
  float mean;
};

// Wide enough that attention is far from even and every bias has a visible effect; narrow enough that logits spread
// like a trained model's.
Spread spread_of(TensorRole role) {
  switch (role) {
    case TensorRole::kTokenEmbedding:
    case TensorRole::kHead:
      return {0.5F, 0};
    case TensorRole::kPositionEmbedding:
      return {0.3F, 0};
    case TensorRole::kLinearWeight:
      return {0.25F, 0};
    case TensorRole::kLinearBias:
      return {0.6F, 0};
    case TensorRole::kNormWeight:
      return {0.4F, 1};
    case TensorRole::kNormBias:
      return {0.3F, 0};
  }
  throw Error("a tensor of an unknown role");
}

// Rounds towards zero, so that the rounding mode does not matter; values below the smallest normal number become zero.
std::uint16_t to_half(float value) {
  constexpr std::uint32_t kBiasDifference = 127 - 15;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 31U;
  const std::uint32_t exponent = (bits >> 23U) & 0xFFU;
  if (exponent <= kBiasDifference) return static_cast<std::uint16_t>(sign << 15U);
  return static_cast<std::uint16_t>(sign << 15U | (exponent - kBiasDifference) << 10U | ((bits >> 13U) & 0x3FFU));
}

std::uint16_t to_bfloat(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U);
}

void write(std::byte* to, float value, std::int32_t dtype) {
  if (dtype == IB_DTYPE_F32) {
    std::memcpy(to, &value, sizeof(value));
  } else {
    const std::uint16_t bits = dtype == IB_DTYPE_F16 ? to_half(value) : to_bfloat(value);
    std::memcpy(to, &bits, sizeof(bits));
  }
}

std::int64_t element_bytes(std::int32_t dtype) {
  return dtype == IB_DTYPE_F32 ? 4 : 2;
}

/// Where a tensor lies: in a buffer that it may share.
struct Location {
  std::string buffer;
  std::int64_t offset = 0;  ///< of element [0, 0], in elements
  std::array<std::int64_t, 2> strides{};
  std::int64_t buffer_size = 0;  ///< in elements
};

// "layer.0.attn_q.weight" is a part of "layer.0.attn_qkv.weight". Empty for a tensor that lies alone.
std::string fused_name(const std::string& name) {
  for (const auto& [part, fused] : {std::pair<std::string_view, const char*>{"attn_q.", "attn_qkv."},
                                    {"attn_k.", "attn_qkv."},
                                    {"attn_v.", "attn_qkv."},
                                    {"mlp_gate.", "mlp_gate_up."},
                                    {"mlp_up.", "mlp_gate_up."}}) {
    const std::size_t at = name.find(part);
    if (at != std::string::npos) return std::string(name).replace(at, part.size(), fused);
  }
  return {};
}

Location padded_location(const TensorSpec& spec) {
  constexpr std::int64_t kGap = 3;
  if (spec.rank == 1) return {spec.name, 1, {2, 0}, 1 + 2 * spec.shape[0]};
  const std::int64_t stride = spec.shape[1] + kGap;
  return {spec.name, 1, {stride, 1}, 1 + stride * spec.shape[0]};
}

std::vector<Location> locations_of(const std::vector<TensorSpec>& specs, Storage storage) {
  const bool fused = storage == Storage::kFused || storage == Storage::kFusedInputsFirst;
  const bool inputs_first = storage == Storage::kInputsFirst || storage == Storage::kFusedInputsFirst;
  const auto buffer_of = [&](const TensorSpec& spec) {
    const std::string shared = fused ? fused_name(spec.name) : "";
    return shared.empty() ? spec.name : shared;
  };
  std::map<std::string, std::int64_t> all_rows;
  for (const TensorSpec& spec : specs) all_rows[buffer_of(spec)] += spec.shape[0];
  std::map<std::string, std::int64_t> rows_before;
  std::vector<Location> locations;
  for (const TensorSpec& spec : specs) {
    if (storage == Storage::kPadded) {
      locations.push_back(padded_location(spec));
      continue;
    }
    const std::string buffer = buffer_of(spec);
    const std::int64_t columns = spec.rank == 2 ? spec.shape[1] : 1;
    const std::int64_t rows = all_rows[buffer];
    const std::int64_t before = rows_before[buffer];
    rows_before[buffer] += spec.shape[0];
    if (spec.rank == 2 && inputs_first) {
      locations.push_back({buffer, before, {1, rows}, rows * columns});
    } else {
      locations.push_back({buffer, before * columns, {columns, spec.rank == 2 ? 1 : 0}, rows * columns});
    }
  }
  return locations;
}

}  // namespace

TestModel::TestModel(const ModelConfig& config, std::int32_t dtype, std::uint64_t seed, Storage storage)
    : config_(config), desc_(model_desc(config_)) {
  specs_ = decoder::tensors(desc_);
  const std::vector<Location> locations = locations_of(specs_, storage);
  const std::int64_t bytes = element_bytes(dtype);
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const TensorSpec& spec = specs_[i];
    const Location& location = locations[i];
    auto& buffer = data_[location.buffer];
    if (buffer.empty()) buffer.assign(static_cast<std::size_t>(location.buffer_size * bytes), std::byte{0xff});  // NaN
    ib_tensor tensor{};
    tensor.name = spec.name.c_str();
    tensor.dtype = dtype;
    tensor.rank = spec.rank;
    std::copy(spec.shape.begin(), spec.shape.end(), tensor.shape);
    std::copy(location.strides.begin(), location.strides.end(), tensor.strides);
    tensor.data = buffer.data() + location.offset * bytes;
    std::int64_t last = 0;
    for (std::int32_t d = 0; d < spec.rank; ++d) last += (tensor.shape[d] - 1) * tensor.strides[d];
    tensor.n_bytes = static_cast<std::uint64_t>((last + 1) * bytes);
    tensors_.push_back(tensor);

    std::vector<float> values(static_cast<std::size_t>(spec.n_elements()));
    const auto [amplitude, mean] = spread_of(spec.role);
    fill_synthetic(values, synthetic_stream(spec.name, seed), 0, amplitude, mean);
    const std::int64_t columns = spec.rank == 2 ? spec.shape[1] : 1;
    for (std::int64_t at = 0; at < spec.n_elements(); ++at) {
      const std::int64_t element = at / columns * tensor.strides[0] + at % columns * tensor.strides[1];
      write(data_of(tensor) + element * bytes, values[static_cast<std::size_t>(at)], dtype);
    }
  }
}

// The buffers are this model's own.
std::byte* TestModel::data_of(const ib_tensor& tensor) {
  return const_cast<std::byte*>(static_cast<const std::byte*>(tensor.data));
}

void TestModel::copy_row(const std::string& name, std::int32_t from, std::int32_t to) {
  const ib_tensor& matrix = tensor(name);
  const auto row = static_cast<std::size_t>(matrix.n_bytes) / static_cast<std::size_t>(matrix.shape[0]);
  std::byte* data = data_of(matrix);
  std::memmove(data + static_cast<std::size_t>(to) * row, data + static_cast<std::size_t>(from) * row, row);
}

void TestModel::overwrite(std::byte value) {
  for (auto& [name, bytes] : data_) std::fill(bytes.begin(), bytes.end(), value);
}

void TestModel::clear(const std::string& name) {
  const ib_tensor& cleared = tensor(name);
  std::fill_n(data_of(cleared), cleared.n_bytes, std::byte{0});
}

void TestModel::assign(const std::string& name, const std::function<float(std::size_t, float)>& change) {
  const ib_tensor& assigned = tensor(name);
  std::byte* const data = data_of(assigned);
  for (std::size_t i = 0; i * sizeof(float) < assigned.n_bytes; ++i) {
    float value = 0;
    std::memcpy(&value, data + i * sizeof(value), sizeof(value));
    value = change(i, value);
    std::memcpy(data + i * sizeof(value), &value, sizeof(value));
  }
}

bool TestModel::has(const std::string& name) const {
  return std::any_of(tensors_.begin(), tensors_.end(), [&](const ib_tensor& t) { return name == t.name; });
}

ib_tensor& TestModel::tensor(const std::string& name) {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& t) { return name == t.name; });
  if (found == tensors_.end()) throw Error("no tensor " + name);
  return *found;
}

ib_model_desc& TestModel::desc() {
  desc_.tensors = tensors_.data();
  desc_.n_tensors = tensors_.size();
  return desc_;
}

std::uint64_t TestModel::n_parameters() const {
  std::uint64_t n = 0;
  for (const TensorSpec& spec : specs_) n += static_cast<std::uint64_t>(spec.n_elements());
  return n;
}

std::vector<std::int32_t> test_tokens(std::size_t n, std::uint64_t seed, std::int32_t vocab) {
  return synthetic_prompt(seed, n, vocab);
}

}  // namespace inferbench::conformance
