// SPDX-License-Identifier: Apache-2.0
#include "experiment/planned_pairs.hpp"

#include <algorithm>

namespace inferbench {

namespace {

bool same_but_for_threads(const Point& a, const Point& b) {
  Point other = b;
  other.threads = a.threads;
  return a == other;
}

}  // namespace

bool PlannedPairs::has(std::size_t contender, const Point& point) const {
  const Contender& own = contenders_[contender];
  if (own.name == baseline_) return true;
  if (own.endpoint && point.scenario.empty()) return false;
  if (on_host_cpus(own)) return true;
  return std::none_of(points_.begin(), points_.end(), [&](const Point& other) {
    return other.threads > point.threads && same_but_for_threads(point, other);
  });
}

std::size_t PlannedPairs::at(const Point& point) const {
  std::size_t n = 0;
  for (std::size_t contender = 0; contender < contenders_.size(); ++contender) n += has(contender, point) ? 1U : 0U;
  return n;
}

std::size_t PlannedPairs::of(std::size_t contender) const {
  std::size_t n = 0;
  for (const Point& point : points_) n += has(contender, point) ? 1U : 0U;
  return n;
}

}  // namespace inferbench
