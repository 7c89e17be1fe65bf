// SPDX-License-Identifier: Apache-2.0
#include "predict/extrapolation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "predict/physical_terms.hpp"

namespace inferbench {
namespace {

double place(const std::string& axis, const Workload& load) {
  if (axis == "model_size") return model_weights(load.shape);
  if (axis == "prompt_tokens") return load.prompt_tokens;
  if (axis == "context") return load.past_tokens + load.prompt_tokens + load.generate_tokens;
  if (axis == "generate_tokens") return load.generate_tokens;
  if (axis == "batch") return load.batch;
  return load.threads;
}

double widest_gap(const std::set<double>& values) {
  double gap = 1;
  for (auto value = values.begin(); std::next(value) != values.end(); ++value) {
    gap = std::max(gap, *std::next(value) / *value);
  }
  return gap;
}

std::string place_text(const std::string& axis, double value) {
  return axis == "model_size" ? fmt::format("{:.1f}M", value / 1e6) : fmt::format("{:g}", value);
}

}  // namespace

const std::vector<std::string>& ranged_axes() {
  static const std::vector<std::string> kAxes{"model_size", "prompt_tokens", "generate_tokens",
                                              "context",    "batch",         "threads"};
  return kAxes;
}

void add_to_ranges(MeasuredRanges& ranges, const Workload& workload) {
  for (const std::string& axis : ranged_axes()) ranges[axis].insert(place(axis, workload));
}

std::vector<BeyondRange> beyond_ranges(const MeasuredRanges& ranges, const Workload& workload) {
  std::vector<BeyondRange> beyond;
  for (const auto& [axis, values] : ranges) {
    // The number of generated tokens matters only through the context.
    if (values.empty() || axis == "generate_tokens") continue;
    const double value = place(axis, workload);
    const double low = *values.begin();
    const double high = *values.rbegin();
    if (value >= low && value <= high) continue;
    const double factor = value > high ? value / high : low / value;
    // The tolerance allows for rounding in ratios of integers.
    beyond.push_back({axis, value, low, high, factor > widest_gap(values) * (1 + 1e-9)});
  }
  return beyond;
}

std::string beyond_text(const BeyondRange& beyond) {
  const std::string low = place_text(beyond.axis, beyond.low);
  const std::string measured =
      beyond.low == beyond.high ? low : fmt::format("{} to {}", low, place_text(beyond.axis, beyond.high));
  return fmt::format("{} {} is beyond the measured {}", beyond.axis, place_text(beyond.axis, beyond.value), measured);
}

}  // namespace inferbench
