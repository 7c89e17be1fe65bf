// SPDX-License-Identifier: Apache-2.0
#include "cluster/time_limit.hpp"

#include <algorithm>
#include <cmath>

#include "experiment/plan_text.hpp"

namespace inferbench {

namespace {

constexpr double kMargin = 4;  // the estimate is a guess, see estimate_seconds
constexpr double kExtraMinutes = 10;

}  // namespace

std::int64_t time_limit_minutes(const Experiment& experiment, std::int32_t shards) {
  double longest = 0;
  for (std::int32_t index = 1; index <= shards; ++index) {
    const Experiment part = shard_of(experiment, {index, shards});
    double minutes = kMargin * estimate_seconds(part) / 60;
    if (part.measure.until) minutes += part.measure.until->max_minutes * static_cast<double>(part.points.size());
    longest = std::max(longest, minutes);
  }
  return static_cast<std::int64_t>(std::ceil(longest + kExtraMinutes));
}

}  // namespace inferbench
