// SPDX-License-Identifier: Apache-2.0
#include "operations.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

void layer_norm(std::span<const float> x, const LayerNorm& norm, double epsilon, std::span<float> y) {
  const auto n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double variance = 0;
  for (const float value : x) variance += (value - mean) * (value - mean);
  variance /= n;
  const double scale = 1 / std::sqrt(variance + epsilon);
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = static_cast<float>((x[i] - mean) * scale * norm.weight[i] + norm.bias[i]);
  }
}

void apply(const Linear& linear, std::span<const float> x, std::span<double> sums) {
  const auto n_out = static_cast<std::size_t>(linear.n_out);
  std::copy(linear.bias.begin(), linear.bias.end(), sums.begin());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double xi = x[i];
    const float* row = linear.weight.data() + i * n_out;
    for (std::size_t j = 0; j < n_out; ++j) sums[j] += xi * static_cast<double>(row[j]);
  }
}

double activate(std::int32_t activation, double x) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case IB_ACTIVATION_GELU_ERF:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    default:
      return std::max(x, 0.0);
  }
}

namespace {

double dot(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void softmax(std::span<double> a) {
  const double most = *std::max_element(a.begin(), a.end());
  double sum = 0;
  for (double& value : a) sum += value = std::exp(value - most);
  for (double& value : a) value /= sum;
}

}  // namespace

void attend(std::span<const float> q, const float* keys, const float* values, std::size_t stride, double scale,
            std::span<double> weights, std::span<float> out) {
  for (std::size_t p = 0; p < weights.size(); ++p) weights[p] = scale * dot(q.data(), keys + p * stride, q.size());
  softmax(weights);
  for (std::size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (std::size_t p = 0; p < weights.size(); ++p) sum += weights[p] * static_cast<double>(values[p * stride + i]);
    out[i] = static_cast<float>(sum);
  }
}

void apply_head(std::span<const float> head, std::span<const float> x, std::span<float> logits) {
  for (std::size_t v = 0; v < logits.size(); ++v) {
    logits[v] = static_cast<float>(dot(head.data() + v * x.size(), x.data(), x.size()));
  }
}
