// SPDX-License-Identifier: Apache-2.0
#include "conformance/test_model.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "model/synthetic_formula.hpp"
#include "support/error.hpp"

namespace inferbench::conformance {

namespace {

struct Spread {
  float amplitude;
  float mean;
};

// Wide enough that attention is far from even and every bias has a visible effect; narrow enough that logits spread
// like a trained model's.
Spread spread_of(TensorRole role) {
  switch (role) {
    case TensorRole::kTokenEmbedding:
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

std::vector<std::byte> bytes_of(const std::vector<float>& values, std::int32_t dtype) {
  if (dtype == IB_DTYPE_F32) {
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  std::vector<std::uint16_t> narrow(values.size());
  std::transform(values.begin(), values.end(), narrow.begin(), dtype == IB_DTYPE_F16 ? to_half : to_bfloat);
  std::vector<std::byte> bytes(narrow.size() * sizeof(std::uint16_t));
  std::memcpy(bytes.data(), narrow.data(), bytes.size());
  return bytes;
}

}  // namespace

ModelConfig TestModel::small() {
  ModelConfig config;
  config.n_layers = 2;
  config.n_heads = 4;
  config.width = 64;
  config.inner = 256;
  config.context = 128;
  config.vocab = 257;
  return config;
}

ModelConfig TestModel::large() {
  ModelConfig config = small();
  config.n_layers = 4;
  config.width = 256;
  config.inner = 1024;
  config.context = 256;
  config.vocab = 1024;
  return config;
}

TestModel::TestModel(const ModelConfig& config, std::int32_t dtype, std::uint64_t seed)
    : config_(config), specs_(canonical_tensors(config)) {
  for (const TensorSpec& spec : specs_) {
    std::vector<float> values(spec.n_elements());
    const auto [amplitude, mean] = spread_of(spec.role);
    fill_synthetic(values, synthetic_stream(spec.name, seed), 0, amplitude, mean);
    auto& bytes = data_[spec.name] = bytes_of(values, dtype);
    ib_tensor tensor{};
    tensor.name = spec.name.c_str();
    tensor.dtype = dtype;
    tensor.rank = static_cast<std::int32_t>(spec.shape.size());
    std::copy(spec.shape.begin(), spec.shape.end(), tensor.shape);
    tensor.data = bytes.data();
    tensor.n_bytes = bytes.size();
    tensors_.push_back(tensor);
  }
  desc_.struct_size = sizeof(desc_);
  desc_.n_layers = config.n_layers;
  desc_.n_heads = config.n_heads;
  desc_.width = config.width;
  desc_.inner = config.inner;
  desc_.context = config.context;
  desc_.vocab = config.vocab;
  desc_.activation = config.activation;
  desc_.scale_attn_weights = config.scale_attn_weights ? 1 : 0;
  desc_.scale_attn_by_inverse_layer = config.scale_attn_by_inverse_layer ? 1 : 0;
  desc_.tied_head = config.tied_head ? 1 : 0;
  desc_.layer_norm_epsilon = config.layer_norm_epsilon;
}

void TestModel::copy_row(const std::string& name, std::int32_t from, std::int32_t to) {
  const ib_tensor& matrix = tensor(name);
  const std::size_t row = matrix.n_bytes / static_cast<std::size_t>(matrix.shape[0]);
  std::byte* data = data_.at(name).data();
  std::memmove(data + static_cast<std::size_t>(to) * row, data + static_cast<std::size_t>(from) * row, row);
}

void TestModel::overwrite(std::byte value) {
  for (auto& [name, bytes] : data_) std::fill(bytes.begin(), bytes.end(), value);
}

void TestModel::clear(const std::string& name) {
  auto& bytes = data_.at(name);
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
}

void TestModel::assign(const std::string& name, const std::function<float(std::size_t, float)>& change) {
  auto& bytes = data_.at(name);
  for (std::size_t i = 0; i * sizeof(float) < bytes.size(); ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
    value = change(i, value);
    std::memcpy(bytes.data() + i * sizeof(value), &value, sizeof(value));
  }
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

std::vector<std::int32_t> test_tokens(std::size_t n, std::uint64_t seed, std::int32_t vocab) {
  return synthetic_prompt(seed, n, vocab);
}

}  // namespace inferbench::conformance
