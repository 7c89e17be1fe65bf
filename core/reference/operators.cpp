// SPDX-License-Identifier: Apache-2.0
#include "reference/operators.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <span>

namespace inferbench::reference {

namespace {

double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10U) & 0x1F;
  const double fraction = bits & 0x3FF;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits >> 15U) != 0 ? -magnitude : magnitude;
}

// scores -> softmax(scores), in place.
void softmax(std::span<double> scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - most);
  for (double& score : scores) score /= sum;
}

}  // namespace

Values values_of(const ib_tensor& tensor) {
  std::size_t n = 1;
  for (std::int32_t d = 0; d < tensor.rank; ++d) n *= static_cast<std::size_t>(tensor.shape[d]);
  const auto* bytes = static_cast<const std::byte*>(tensor.data);
  Values values(n);
  const bool is_wide = tensor.dtype == IB_DTYPE_F32;
  for (std::size_t i = 0; i < n && is_wide; ++i) {
    float value = 0;
    std::memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    values[i] = value;
  }
  for (std::size_t i = 0; i < n && !is_wide; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
    values[i] = tensor.dtype == IB_DTYPE_F16 ? half_to_double(bits)
                                             : double{std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U)};
  }
  return values;
}

Values layer_norm(const Values& x, const Values& weight, const Values& bias, double epsilon) {
  const std::size_t width = weight.size();
  const auto n = static_cast<double>(width);
  Values y(x.size());
  for (std::size_t row = 0; row < x.size(); row += width) {
    double mean = 0;
    for (std::size_t i = 0; i < width; ++i) mean += x[row + i] / n;
    double variance = 0;
    for (std::size_t i = 0; i < width; ++i) variance += (x[row + i] - mean) * (x[row + i] - mean) / n;
    const double factor = 1 / std::sqrt(variance + epsilon);
    for (std::size_t i = 0; i < width; ++i) y[row + i] = (x[row + i] - mean) * factor * weight[i] + bias[i];
  }
  return y;
}

Values linear(const Values& x, const Values& weight, const Values& bias) {
  const std::size_t outputs = bias.size();
  const std::size_t inputs = weight.size() / outputs;
  const std::size_t rows = x.size() / inputs;
  Values y(rows * outputs);
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy(bias.begin(), bias.end(), y.begin() + static_cast<std::ptrdiff_t>(r * outputs));
    for (std::size_t i = 0; i < inputs; ++i) {
      const double input = x[r * inputs + i];
      const double* column = weight.data() + i * outputs;
      double* sums = y.data() + r * outputs;
      for (std::size_t o = 0; o < outputs; ++o) sums[o] += input * column[o];
    }
  }
  return y;
}

Values softmax_rows(const Values& x, std::size_t columns) {
  Values y = x;
  for (std::size_t row = 0; row < y.size(); row += columns) softmax(std::span(y).subspan(row, columns));
  return y;
}

Values attend(const Values& qkv, std::size_t width, std::size_t n_heads, double scale, std::size_t first) {
  const std::size_t head_width = width / n_heads;
  const std::size_t positions = qkv.size() / (3 * width);
  Values out((positions - first) * width);
  for (std::size_t head = 0; head < n_heads; ++head) {
    for (std::size_t t = first; t < positions; ++t) {
      const double* q = qkv.data() + t * 3 * width + head * head_width;
      Values scores(t + 1);
      for (std::size_t past = 0; past <= t; ++past) {
        const double* k = qkv.data() + past * 3 * width + width + head * head_width;
        for (std::size_t d = 0; d < head_width; ++d) scores[past] += scale * q[d] * k[d];
      }
      softmax(scores);
      double* to = out.data() + (t - first) * width + head * head_width;
      for (std::size_t past = 0; past <= t; ++past) {
        const double* v = qkv.data() + past * 3 * width + 2 * width + head * head_width;
        for (std::size_t d = 0; d < head_width; ++d) to[d] += scores[past] * v[d];
      }
    }
  }
  return out;
}

Values activate(Values x, std::int32_t activation) {
  for (double& value : x) {
    if (activation == IB_ACTIVATION_RELU) {
      value = std::max(value, 0.0);
    } else if (activation == IB_ACTIVATION_GELU_ERF) {
      value = 0.5 * value * (1 + std::erf(value / std::numbers::sqrt2));
    } else {
      const double inside = std::sqrt(2 / std::numbers::pi) * (value + 0.044715 * value * value * value);
      value = 0.5 * value * (1 + std::tanh(inside));
    }
  }
  return x;
}

Values with_past(const Values& qkv, const Values& past_kv, std::size_t width) {
  const std::size_t past = past_kv.size() / (2 * width);
  Values all(past * 3 * width);
  for (std::size_t t = 0; t < past; ++t) {
    std::copy_n(past_kv.data() + t * 2 * width, 2 * width, all.data() + t * 3 * width + width);
  }
  all.insert(all.end(), qkv.begin(), qkv.end());
  return all;
}

Values layer(Values x, const WeightLookup& weight, const LayerShape& shape, const Values& past_kv) {
  const auto add = [&](const Values& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  const auto norm = [&](const std::string& name) {
    return layer_norm(x, weight(name + ".weight"), weight(name + ".bias"), shape.epsilon);
  };
  const auto product = [&](const Values& from, const std::string& name) {
    return linear(from, weight(name + ".weight"), weight(name + ".bias"));
  };
  const std::size_t width = weight("ln_1.weight").size();
  const Values qkv = with_past(product(norm("ln_1"), "attn.c_attn"), past_kv, width);
  add(product(attend(qkv, width, shape.n_heads, shape.attention_scale, past_kv.size() / (2 * width)), "attn.c_proj"));
  add(product(activate(product(norm("ln_2"), "mlp.c_fc"), shape.activation), "mlp.c_proj"));
  return x;
}

}  // namespace inferbench::reference
