// SPDX-License-Identifier: Apache-2.0
#include "stats/log_ratio.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "stats/student_t.hpp"
#include "stats/summary.hpp"

namespace inferbench {

namespace {

double checked_log(double value) {
  if (!(value > 0)) throw std::invalid_argument("log ratio: not positive");
  return std::log(value);
}

Summary summarize_logs(std::span<const double> values) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) logs.push_back(checked_log(value));
  return *summarize(logs);
}

// Variance of a mean and its degrees of freedom.
struct Variance {
  double value = 0;
  double degrees_of_freedom = 0;
};

// Satterthwaite's approximation for a sum of independent variances.
double joint_degrees_of_freedom(std::span<const Variance> parts) {
  double sum = 0;
  double squares = 0;
  double least = parts.front().degrees_of_freedom;
  for (const Variance& part : parts) {
    sum += part.value;
    squares += part.value * part.value / part.degrees_of_freedom;
    least = std::min(least, part.degrees_of_freedom);
  }
  return squares > 0 ? sum * sum / squares : least;  // all variances are 0, so there are no weights
}

}  // namespace

std::optional<LogRatio> paired_log_ratio(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw std::invalid_argument("log ratio: unequal lengths");
  if (a.empty()) return std::nullopt;
  std::vector<double> logs;
  logs.reserve(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) logs.push_back(checked_log(a[i]) - checked_log(b[i]));
  const Summary summary = *summarize(logs);
  LogRatio result{summary.n, summary.mean, std::nullopt, 0};
  if (summary.n >= kFewestBlocks) {
    result.se = *summary.sd / std::sqrt(static_cast<double>(summary.n));
    result.degrees_of_freedom = static_cast<double>(summary.n - 1);
  }
  return result;
}

std::optional<LogRatio> independent_log_ratio(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return std::nullopt;
  const Summary one = summarize_logs(a);
  const Summary other = summarize_logs(b);
  LogRatio result{std::min(one.n, other.n), one.mean - other.mean, std::nullopt, 0};
  if (result.n >= kFewestBlocks) {
    const auto variance = [](const Summary& s) {
      const auto n = static_cast<double>(s.n);
      return Variance{*s.sd * *s.sd / n, n - 1};
    };
    const std::vector<Variance> parts{variance(one), variance(other)};
    result.se = std::sqrt(parts[0].value + parts[1].value);
    result.degrees_of_freedom = joint_degrees_of_freedom(parts);
  }
  return result;
}

std::optional<LogRatio> mean_log_ratio(std::span<const LogRatio> points) {
  if (points.empty()) return std::nullopt;
  const auto k = static_cast<double>(points.size());
  LogRatio result;
  std::vector<Variance> parts;
  for (const LogRatio& point : points) {
    result.n += point.n;
    result.mean += point.mean / k;
    if (point.se) parts.push_back({*point.se * *point.se / (k * k), point.degrees_of_freedom});
  }
  if (parts.size() == points.size()) {
    double sum = 0;
    for (const Variance& part : parts) sum += part.value;
    result.se = std::sqrt(sum);
    result.degrees_of_freedom = joint_degrees_of_freedom(parts);
  }
  return result;
}

SpeedRatio to_speed_ratio(const LogRatio& ratio, double level) {
  SpeedRatio result{ratio.n, std::exp(ratio.mean), std::nullopt, level};
  if (ratio.se) {
    const double half = student_t_quantile((1 + level) / 2, ratio.degrees_of_freedom) * *ratio.se;
    result.interval = Interval{std::exp(ratio.mean - half), std::exp(ratio.mean + half)};
  }
  return result;
}

}  // namespace inferbench
