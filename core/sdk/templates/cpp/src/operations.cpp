// SPDX-License-Identifier: Apache-2.0
#include "operations.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace {

/// Eight sums side by side: compilers keep them in vector registers, and an addition waits for none of the others.
double dot(std::span<const float> a, const float* b) {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= a.size(); i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
  }
  for (; i < a.size(); ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return std::accumulate(std::begin(sums), std::end(sums), 0.0);
}

void softmax(std::span<double> a) {
  const double most = *std::max_element(a.begin(), a.end());
  double sum = 0;
  for (double& value : a) sum += value = std::exp(value - most);
  for (double& value : a) value /= sum;
}

}  // namespace

void apply_norm(std::int32_t kind, const Norm& norm, double epsilon, std::span<const float> x, std::span<float> y) {
  const auto n = static_cast<double>(x.size());
  const double mean = kind == IB_NORM_LAYER ? std::accumulate(x.begin(), x.end(), 0.0) / n : 0;
  double squares = 0;
  for (const float value : x) squares += (value - mean) * (value - mean);
  const double scale = 1 / std::sqrt(squares / n + epsilon);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float bias = kind == IB_NORM_LAYER ? norm.bias[i] : 0;
    y[i] = static_cast<float>((x[i] - mean) * scale * norm.weight[i] + bias);
  }
}

void apply_linear(const Linear& linear, std::span<const float> x, std::span<float> y) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double bias = linear.bias.empty() ? 0 : linear.bias[i];
    y[i] = static_cast<float>(dot(x, linear.weight.data() + i * x.size()) + bias);
  }
}

double activate(std::int32_t activation, double x) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case IB_ACTIVATION_GELU_ERF:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case IB_ACTIVATION_SILU:
      return x / (1 + std::exp(-x));
    default:
      return std::max(x, 0.0);
  }
}

double soft_cap(double x, double cap) {
  return cap == 0 ? x : cap * std::tanh(x / cap);
}

void rotate(std::span<float> head, std::int32_t position, std::span<const double> frequencies, double scale) {
  const std::size_t half = head.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const double sine = scale * std::sin(position * frequencies[i]);
    const double cosine = scale * std::cos(position * frequencies[i]);
    const double a = head[i];
    const double b = head[i + half];
    head[i] = static_cast<float>(a * cosine - b * sine);
    head[i + half] = static_cast<float>(b * cosine + a * sine);
  }
}

void attend(std::span<const float> q, const float* keys, const float* values, std::size_t stride, double scale,
            double cap, std::span<double> scores, std::span<float> out) {
  for (std::size_t p = 0; p < scores.size(); ++p) scores[p] = soft_cap(scale * dot(q, keys + p * stride), cap);
  softmax(scores);
  for (std::size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (std::size_t p = 0; p < scores.size(); ++p) sum += scores[p] * static_cast<double>(values[p * stride + i]);
    out[i] = static_cast<float>(sum);
  }
}

void apply_head(std::span<const float> head, std::span<const float> x, double cap, std::span<float> logits) {
  for (std::size_t v = 0; v < logits.size(); ++v) {
    logits[v] = static_cast<float>(soft_cap(dot(x, head.data() + v * x.size()), cap));
  }
}
