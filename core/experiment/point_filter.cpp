// SPDX-License-Identifier: Apache-2.0
#include "experiment/point_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "experiment/axes.hpp"
#include "experiment/serving.hpp"

namespace inferbench {

namespace {

std::int32_t axis_value_of(const Point& point, const std::string& axis) {
  for (const AxisRule& rule : kAxisRules) {
    if (rule.name == axis) return point.*rule.field;
  }
  return 0;
}

}  // namespace

bool matches(const PointFilter& filter, const Point& point) {
  if (!filter.model.empty() && filter.model != point.model) return false;
  if (!filter.scenario.empty() && filter.scenario != (point.scenario.empty() ? kBatchScenario : point.scenario)) {
    return false;
  }
  return std::all_of(filter.axes.begin(), filter.axes.end(),
                     [&](const auto& axis) { return axis_value_of(point, axis.first) == axis.second; });
}

std::size_t conditions_of(const PointFilter& filter) {
  return filter.axes.size() + (filter.model.empty() ? 0 : 1) + (filter.scenario.empty() ? 0 : 1);
}

std::string filter_text(const PointFilter& filter) {
  std::vector<std::string> parts;
  if (!filter.model.empty()) parts.push_back("model " + filter.model);
  for (const auto& [axis, value] : filter.axes) parts.push_back(fmt::format("{} {}", axis, value));
  if (!filter.scenario.empty()) parts.push_back("scenario " + filter.scenario);
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace inferbench
