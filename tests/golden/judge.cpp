// SPDX-License-Identifier: Apache-2.0
#include "golden/judge.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace inferbench::golden {
namespace {

double standard_deviation(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

double log_sum_exp(std::span<const float> values) {
  const double top = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (const float value : values) sum += std::exp(value - top);
  return top + std::log(sum);
}

double kl_of_row(std::span<const float> expected, std::span<const float> got) {
  const double expected_norm = log_sum_exp(expected);
  const double got_norm = log_sum_exp(got);
  double kl = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double log_p = expected[i] - expected_norm;
    kl += std::exp(log_p) * (log_p - (got[i] - got_norm));
  }
  return kl;
}

}  // namespace

Distance distance(std::span<const float> expected, std::span<const float> got, std::size_t vocab) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto finite = [](float value) { return std::isfinite(value); };
  if (expected.size() != got.size() || !std::all_of(got.begin(), got.end(), finite)) {
    return {kInfinity, kInfinity, kInfinity};
  }
  Distance result;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    result.greatest_error = std::max(result.greatest_error, error);
  }
  result.deviation = result.greatest_error / standard_deviation(expected);
  const std::size_t rows = got.size() / vocab;
  for (std::size_t r = 0; r < rows; ++r) {
    result.kl +=
        kl_of_row(expected.subspan(r * vocab, vocab), got.subspan(r * vocab, vocab)) / static_cast<double>(rows);
  }
  return result;
}

}  // namespace inferbench::golden
