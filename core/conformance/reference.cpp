// SPDX-License-Identifier: Apache-2.0
#include "conformance/reference.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "support/error.hpp"

namespace inferbench::conformance {

namespace {

double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10U) & 0x1F;
  const double fraction = bits & 0x3FF;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits >> 15U) != 0 ? -magnitude : magnitude;
}

std::vector<double> values_of(const ib_tensor& tensor) {
  std::size_t n = 1;
  for (std::int32_t d = 0; d < tensor.rank; ++d) n *= static_cast<std::size_t>(tensor.shape[d]);
  const auto* bytes = static_cast<const std::byte*>(tensor.data);
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (tensor.dtype == IB_DTYPE_F32) {
      float value = 0;
      std::memcpy(&value, bytes + i * sizeof(value), sizeof(value));
      values[i] = value;
    } else {
      std::uint16_t bits = 0;
      std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
      values[i] = tensor.dtype == IB_DTYPE_F16 ? half_to_double(bits)
                                               : double{std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U)};
    }
  }
  return values;
}

// scores -> softmax(scores), in place.
void softmax(std::vector<double>& scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - most);
  for (double& score : scores) score /= sum;
}

}  // namespace

Reference::Reference(const ib_model_desc& desc) : shape_(desc), width_(static_cast<std::size_t>(desc.width)) {
  for (std::uint64_t i = 0; i < desc.n_tensors; ++i) tensors_[desc.tensors[i].name] = values_of(desc.tensors[i]);
}

// (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row; x [tokens, width], biased variance.
Reference::Vector Reference::layer_norm(const Vector& x, const std::string& name) const {
  const Vector& scale = weight(name + ".weight");
  const Vector& bias = weight(name + ".bias");
  const auto n = static_cast<double>(width_);
  Vector y(x.size());
  for (std::size_t row = 0; row < x.size(); row += width_) {
    double mean = 0;
    for (std::size_t i = 0; i < width_; ++i) mean += x[row + i] / n;
    double variance = 0;
    for (std::size_t i = 0; i < width_; ++i) variance += (x[row + i] - mean) * (x[row + i] - mean) / n;
    const double factor = 1 / std::sqrt(variance + shape_.layer_norm_epsilon);
    for (std::size_t i = 0; i < width_; ++i) y[row + i] = (x[row + i] - mean) * factor * scale[i] + bias[i];
  }
  return y;
}

// x [tokens, inputs] * weight [inputs, outputs] + bias [outputs]
Reference::Vector Reference::linear(const Vector& x, const std::string& name, std::size_t outputs) const {
  const Vector& matrix = weight(name + ".weight");
  const Vector& bias = weight(name + ".bias");
  const std::size_t inputs = matrix.size() / outputs;
  const std::size_t tokens = x.size() / inputs;
  Vector y(tokens * outputs);
  for (std::size_t t = 0; t < tokens; ++t) {
    std::copy(bias.begin(), bias.end(), y.begin() + static_cast<std::ptrdiff_t>(t * outputs));
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t o = 0; o < outputs; ++o) y[t * outputs + o] += x[t * inputs + i] * matrix[i * outputs + o];
    }
  }
  return y;
}

// Per head: softmax(scale * q k^T, causal) v. qkv [tokens, 3 width]; -> [tokens, width]
Reference::Vector Reference::attend(const Vector& qkv, std::size_t layer) const {
  const auto n_heads = static_cast<std::size_t>(shape_.n_heads);
  const std::size_t head_width = width_ / n_heads;
  const std::size_t tokens = qkv.size() / (3 * width_);
  double scale = shape_.scale_attn_weights != 0 ? 1 / std::sqrt(static_cast<double>(head_width)) : 1;
  if (shape_.scale_attn_by_inverse_layer != 0) scale /= static_cast<double>(layer + 1);
  Vector out(tokens * width_);
  for (std::size_t head = 0; head < n_heads; ++head) {
    for (std::size_t t = 0; t < tokens; ++t) {
      const double* q = qkv.data() + t * 3 * width_ + head * head_width;
      Vector scores(t + 1);
      for (std::size_t past = 0; past <= t; ++past) {
        const double* k = qkv.data() + past * 3 * width_ + width_ + head * head_width;
        for (std::size_t d = 0; d < head_width; ++d) scores[past] += scale * q[d] * k[d];
      }
      softmax(scores);
      for (std::size_t past = 0; past <= t; ++past) {
        const double* v = qkv.data() + past * 3 * width_ + 2 * width_ + head * head_width;
        for (std::size_t d = 0; d < head_width; ++d) out[t * width_ + head * head_width + d] += scores[past] * v[d];
      }
    }
  }
  return out;
}

void Reference::activate(Vector& x) const {
  for (double& value : x) {
    if (shape_.activation == IB_ACTIVATION_RELU) {
      value = std::max(value, 0.0);
    } else if (shape_.activation == IB_ACTIVATION_GELU_ERF) {
      value = 0.5 * value * (1 + std::erf(value / std::numbers::sqrt2));
    } else {
      const double inside = std::sqrt(2 / std::numbers::pi) * (value + 0.044715 * value * value * value);
      value = 0.5 * value * (1 + std::tanh(inside));
    }
  }
}

std::vector<double> Reference::logits(std::span<const std::int32_t> tokens) const {
  const Vector& embedding = weight("wte.weight");
  const Vector& positions = weight("wpe.weight");
  Vector x(tokens.size() * width_);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const auto token = static_cast<std::size_t>(tokens[t]);
    for (std::size_t i = 0; i < width_; ++i) {
      x[t * width_ + i] = embedding[token * width_ + i] + positions[t * width_ + i];
    }
  }
  const auto add = [&](const Vector& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(shape_.n_layers); ++layer) {
    const std::string h = "h." + std::to_string(layer) + ".";
    add(linear(attend(linear(layer_norm(x, h + "ln_1"), h + "attn.c_attn", 3 * width_), layer), h + "attn.c_proj",
               width_));
    Vector hidden = linear(layer_norm(x, h + "ln_2"), h + "mlp.c_fc", static_cast<std::size_t>(shape_.inner));
    activate(hidden);
    add(linear(hidden, h + "mlp.c_proj", width_));
  }
  x = layer_norm(x, "ln_f");
  const Vector& head = weight(shape_.tied_head != 0 ? "wte.weight" : "lm_head.weight");
  const auto vocab = static_cast<std::size_t>(shape_.vocab);
  Vector result(tokens.size() * vocab);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t id = 0; id < vocab; ++id) {
      for (std::size_t i = 0; i < width_; ++i) result[t * vocab + id] += x[t * width_ + i] * head[id * width_ + i];
    }
  }
  return result;
}

}  // namespace inferbench::conformance
