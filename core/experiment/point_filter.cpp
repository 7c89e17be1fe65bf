// SPDX-License-Identifier: Apache-2.0
#include "experiment/point_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "experiment/axes.hpp"

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
  return std::all_of(filter.axes.begin(), filter.axes.end(),
                     [&](const auto& axis) { return axis_value_of(point, axis.first) == axis.second; });
}

std::size_t conditions_of(const PointFilter& filter) {
  return filter.axes.size() + (filter.model.empty() ? 0 : 1);
}

std::string filter_text(const PointFilter& filter) {
  std::vector<std::string> parts;
  if (!filter.model.empty()) parts.push_back("model " + filter.model);
  for (const auto& [axis, value] : filter.axes) parts.push_back(fmt::format("{} {}", axis, value));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace inferbench
