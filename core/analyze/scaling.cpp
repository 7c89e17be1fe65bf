// SPDX-License-Identifier: Apache-2.0
#include "analyze/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analyze/axes.hpp"
#include "stats/student_t.hpp"

namespace inferbench {
namespace {

struct LogPair {
  double x = 0;
  double y = 0;
  double place = 0;  // of which x is the logarithm
};

using Groups = std::map<std::string, std::vector<LogPair>>;

// The values of all axes except the one that varies. A difference between architectures is no matter of size.
std::string group_of(const MeasuredConfiguration& configuration, std::string_view moving) {
  std::string key;
  for (const std::string& axis : analysis_axes()) {
    if (axis != moving) key += axis_value(configuration, axis) + '\n';
  }
  if (moving == "model") key += architecture_of(configuration);
  return key;
}

double spread(const std::vector<LogPair>& pairs, double LogPair::*a, double LogPair::*b) {
  double mean_a = 0;
  double mean_b = 0;
  for (const LogPair& pair : pairs) {
    mean_a += pair.*a / static_cast<double>(pairs.size());
    mean_b += pair.*b / static_cast<double>(pairs.size());
  }
  double sum = 0;
  for (const LogPair& pair : pairs) sum += (pair.*a - mean_a) * (pair.*b - mean_b);
  return sum;
}

// Fits one slope shared by all groups; nullopt if no group has two different axis values.
std::optional<ScalingExponent> fit(const Groups& groups) {
  double xx = 0;
  double xy = 0;
  double yy = 0;
  ScalingExponent result;
  for (const auto& [key, pairs] : groups) {
    const double here = spread(pairs, &LogPair::x, &LogPair::x);
    if (here <= 0) continue;
    xx += here;
    xy += spread(pairs, &LogPair::x, &LogPair::y);
    yy += spread(pairs, &LogPair::y, &LogPair::y);
    for (const LogPair& pair : pairs) {
      result.low = result.low == 0 ? pair.place : std::min(result.low, pair.place);
      result.high = std::max(result.high, pair.place);
    }
    result.configurations += pairs.size();
    ++result.groups;
  }
  if (result.groups == 0) return std::nullopt;
  result.exponent = xy / xx;
  if (result.configurations > result.groups + 1) {
    const auto freedom = static_cast<double>(result.configurations - result.groups - 1);
    const double residual = std::max(0.0, yy - result.exponent * xy);
    const double half = student_t_quantile(0.975, freedom) * std::sqrt(residual / freedom / xx);
    result.interval = Interval{result.exponent - half, result.exponent + half};
  }
  return result;
}

std::optional<ScalingExponent> exponent_of(const MetricColumn& column, const std::string& contender,
                                           const std::string& axis) {
  Groups groups;
  for (std::size_t i = 0; i < column.configurations.size(); ++i) {
    const MeasuredConfiguration& configuration = column.configurations[i];
    if (configuration.contender != contender) continue;
    const double place = numeric_axis_value(configuration, axis, column.metric);
    const std::optional<double>& value = column.medians[i];
    if (place <= 0 || !value || *value <= 0) continue;
    groups[group_of(configuration, sweep_axis_of(axis))].push_back({std::log(place), std::log(*value), place});
  }
  auto result = fit(groups);
  if (!result) return std::nullopt;
  result->axis = axis;
  result->contender = contender;
  return result;
}

}  // namespace

std::vector<ScalingExponent> scaling_exponents(const MetricColumn& column) {
  std::vector<std::string> contenders;
  for (const MeasuredConfiguration& configuration : column.configurations) {
    if (std::find(contenders.begin(), contenders.end(), configuration.contender) == contenders.end()) {
      contenders.push_back(configuration.contender);
    }
  }
  std::vector<ScalingExponent> exponents;
  for (const std::string& axis : numeric_axes()) {
    for (const std::string& contender : contenders) {
      if (auto exponent = exponent_of(column, contender, axis)) exponents.push_back(*exponent);
    }
  }
  return exponents;
}

}  // namespace inferbench
