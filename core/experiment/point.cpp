// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "experiment/axes.hpp"
#include "experiment/experiment.hpp"

namespace inferbench {

std::int64_t positions_of(const Point& point) {
  return std::int64_t{point.past_tokens} + point.prompt_tokens + point.generate_tokens - 1;
}

bool same_workload(const Point& a, const Point& b) {
  Point other = b;
  other.model = a.model;
  return a == other;
}

std::string workload_text(const Point& point) {
  std::string text;
  for (const std::string_view name : kAxesAsTold) {
    const AxisRule& axis = axis_rule(name);
    const std::int32_t value = point.*axis.field;
    if (axis.optional() && value == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", axis.label, value);
  }
  if (!point.scenario.empty()) text += fmt::format(", {}", point.scenario);
  if (!point.node.empty()) text += fmt::format(", node {}", point.node);
  return text;
}

}  // namespace inferbench
