// SPDX-License-Identifier: Apache-2.0
#include "stats/summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "stats/outliers.hpp"
#include "stats/student_t.hpp"

namespace inferbench {

namespace {

double quantile_of_sorted(std::span<const double> sorted, double p) {
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 >= sorted.size()) return sorted.back();
  const double part = position - static_cast<double>(below);
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

std::optional<double> borne_quantile(std::span<const double> sorted, double p) {
  // The 1e-9 makes 1 / (1 - 0.9) = 10.000000000000002 require ten values, not eleven.
  const bool enough = static_cast<double>(sorted.size()) >= 1 / (1 - p) - 1e-9;
  if (!enough) return std::nullopt;
  return quantile_of_sorted(sorted, p);
}

std::vector<double> sorted_copy(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

std::optional<double> median(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  return quantile_of_sorted(sorted_copy(values), 0.5);
}

std::optional<double> percentile(std::span<const double> values, double p) {
  return percentile_of_sorted(sorted_copy(values), p);
}

std::optional<double> percentile_of_sorted(std::span<const double> sorted, double p) {
  if (sorted.empty() || !(p > 0) || !(p < 1)) return std::nullopt;
  return borne_quantile(sorted, p);
}

std::optional<Summary> summarize(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  const std::vector<double> sorted = sorted_copy(values);
  const auto n = static_cast<double>(sorted.size());
  Summary summary;
  summary.n = sorted.size();
  summary.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / n;
  summary.median = quantile_of_sorted(sorted, 0.5);
  summary.min = sorted.front();
  summary.max = sorted.back();
  if (sorted.size() >= 2) {
    double squares = 0;  // two passes avoid cancellation
    for (const double value : sorted) squares += (value - summary.mean) * (value - summary.mean);
    summary.sd = std::sqrt(squares / (n - 1));
    const double half = student_t_quantile(0.975, n - 1) * *summary.sd / std::sqrt(n);
    summary.mean_interval = Interval{summary.mean - half, summary.mean + half};
  }
  summary.outliers = find_outliers(values).size();
  summary.p50 = borne_quantile(sorted, 0.50);
  summary.p90 = borne_quantile(sorted, 0.90);
  summary.p95 = borne_quantile(sorted, 0.95);
  summary.p99 = borne_quantile(sorted, 0.99);
  return summary;
}

}  // namespace inferbench
