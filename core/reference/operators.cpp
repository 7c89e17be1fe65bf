// SPDX-License-Identifier: Apache-2.0
#include "reference/operators.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

namespace inferbench::reference {

namespace {

double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10U) & 0x1F;
  const double fraction = bits & 0x3FF;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits >> 15U) != 0 ? -magnitude : magnitude;
}

double f32_to_double(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}

double bf16_to_double(std::uint16_t bits) {
  return f32_to_double(static_cast<std::uint32_t>(bits) << 16U);
}

// The elements, which are stored as Bits each and may have any strides, dense and converted.
template <class Bits, double (*convert)(Bits)>
void convert_elements(const ib_tensor& tensor, std::int64_t rows, std::int64_t columns, double* to) {
  const auto* bytes = static_cast<const std::byte*>(tensor.data);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::int64_t index = i * tensor.strides[0] + j * tensor.strides[1];
      Bits bits = 0;
      std::memcpy(&bits, bytes + index * static_cast<std::int64_t>(sizeof(bits)), sizeof(bits));
      *to++ = convert(bits);
    }
  }
}

// scores -> softmax(scores), in place.
void softmax(std::span<double> scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - most);
  for (double& score : scores) score /= sum;
}

// Several sums at once, which the compiler makes vectors of.
double dot(const double* a, const double* b, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

Values values_of(const ib_tensor& tensor) {
  const std::int64_t rows = tensor.shape[0];
  const std::int64_t columns = tensor.rank == 2 ? tensor.shape[1] : 1;
  Values values(static_cast<std::size_t>(rows * columns));
  if (tensor.dtype == IB_DTYPE_F32) {
    convert_elements<std::uint32_t, f32_to_double>(tensor, rows, columns, values.data());
  } else if (tensor.dtype == IB_DTYPE_F16) {
    convert_elements<std::uint16_t, half_to_double>(tensor, rows, columns, values.data());
  } else {
    convert_elements<std::uint16_t, bf16_to_double>(tensor, rows, columns, values.data());
  }
  return values;
}

Values layer_norm(const Values& x, const Values& weight, const Values& bias, double epsilon) {
  const std::size_t size = weight.size();
  const auto n = static_cast<double>(size);
  Values y(x.size());
  for (std::size_t row = 0; row < x.size(); row += size) {
    double mean = 0;
    for (std::size_t i = 0; i < size; ++i) mean += x[row + i] / n;
    double variance = 0;
    for (std::size_t i = 0; i < size; ++i) variance += (x[row + i] - mean) * (x[row + i] - mean) / n;
    const double factor = 1 / std::sqrt(variance + epsilon);
    for (std::size_t i = 0; i < size; ++i) y[row + i] = (x[row + i] - mean) * factor * weight[i] + bias[i];
  }
  return y;
}

Values rms_norm(const Values& x, const Values& weight, double epsilon) {
  const std::size_t size = weight.size();
  Values y(x.size());
  for (std::size_t row = 0; row < x.size(); row += size) {
    const double mean_square = dot(x.data() + row, x.data() + row, size) / static_cast<double>(size);
    const double factor = 1 / std::sqrt(mean_square + epsilon);
    for (std::size_t i = 0; i < size; ++i) y[row + i] = x[row + i] * factor * weight[i];
  }
  return y;
}

Values linear(const Values& x, const Values& weight, std::size_t inputs, const Values& bias) {
  const std::size_t outputs = weight.size() / inputs;
  const std::size_t rows = x.size() / inputs;
  Values y(rows * outputs);
  for (std::size_t o = 0; o < outputs; ++o) {
    const double* const of_output = weight.data() + o * inputs;
    for (std::size_t r = 0; r < rows; ++r) {
      y[r * outputs + o] = dot(x.data() + r * inputs, of_output, inputs) + (bias.empty() ? 0 : bias[o]);
    }
  }
  return y;
}

Values softmax_rows(const Values& x, std::size_t columns) {
  Values y = x;
  for (std::size_t row = 0; row < y.size(); row += columns) softmax(std::span(y).subspan(row, columns));
  return y;
}

void soft_cap(std::span<double> values, double cap) {
  if (cap == 0) return;
  for (double& value : values) value = cap * std::tanh(value / cap);
}

Values activate(Values x, std::int32_t activation) {
  for (double& value : x) {
    if (activation == IB_ACTIVATION_RELU) {
      value = std::max(value, 0.0);
    } else if (activation == IB_ACTIVATION_SILU) {
      value = value / (1 + std::exp(-value));
    } else if (activation == IB_ACTIVATION_GELU_ERF) {
      value = 0.5 * value * (1 + std::erf(value / std::numbers::sqrt2));
    } else {
      const double inside = std::sqrt(2 / std::numbers::pi) * (value + 0.044715 * value * value * value);
      value = 0.5 * value * (1 + std::tanh(inside));
    }
  }
  return x;
}

void rotate(Values& x, std::size_t heads, std::span<const double> frequencies, double scale, std::int64_t first) {
  const std::size_t half = frequencies.size();
  const std::size_t rows = x.size() / (heads * 2 * half);
  for (std::size_t row = 0; row < rows; ++row) {
    const double position = static_cast<double>(first) + static_cast<double>(row);
    for (std::size_t j = 0; j < half; ++j) {
      const double cosine = scale * std::cos(position * frequencies[j]);
      const double sine = scale * std::sin(position * frequencies[j]);
      for (std::size_t head = 0; head < heads; ++head) {
        double& low = x[(row * heads + head) * 2 * half + j];
        double& high = x[(row * heads + head) * 2 * half + half + j];
        const double rotated = low * cosine - high * sine;
        high = high * cosine + low * sine;
        low = rotated;
      }
    }
  }
}

Values attend(const Values& q, const Values& k, const Values& v, const AttentionShape& shape) {
  const std::size_t head_dim = shape.head_dim;
  const std::size_t query_size = shape.n_heads * head_dim;
  const std::size_t kv_size = shape.n_kv_heads * head_dim;
  const std::size_t rows = q.size() / query_size;
  const std::size_t past = k.size() / kv_size - rows;
  Values out(q.size());
  for (std::size_t head = 0; head < shape.n_heads; ++head) {
    const std::size_t kv_head = head / (shape.n_heads / shape.n_kv_heads);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t end = past + row + 1;
      const std::size_t begin = shape.window > 0 && end > shape.window ? end - shape.window : 0;
      Values scores(end - begin);
      for (std::size_t at = begin; at < end; ++at) {
        const double* const key = k.data() + at * kv_size + kv_head * head_dim;
        scores[at - begin] = shape.scale * dot(q.data() + row * query_size + head * head_dim, key, head_dim);
      }
      soft_cap(scores, shape.soft_cap);
      softmax(scores);
      double* const to = out.data() + row * query_size + head * head_dim;
      for (std::size_t at = begin; at < end; ++at) {
        const double* const value = v.data() + at * kv_size + kv_head * head_dim;
        for (std::size_t d = 0; d < head_dim; ++d) to[d] += scores[at - begin] * value[d];
      }
    }
  }
  return out;
}

Values columns_of(const Values& x, std::size_t columns, std::size_t first, std::size_t n) {
  Values part;
  part.reserve(x.size() / columns * n);
  for (std::size_t row = 0; row < x.size(); row += columns) {
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(row + first);
    part.insert(part.end(), begin, begin + static_cast<std::ptrdiff_t>(n));
  }
  return part;
}

}  // namespace inferbench::reference
