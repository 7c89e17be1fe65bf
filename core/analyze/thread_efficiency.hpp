// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyze/metric_column.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// How much a contender gains from more threads.
struct ThreadEfficiency {
  std::string contender;
  std::int32_t from = 0;  ///< the fewest threads measured
  std::int32_t to = 0;
  SpeedRatio speedup;     ///< of `to` over `from`: each pair is one point and block
  double efficiency = 0;  ///< speedup / (to / from): 1 is perfect
};

/// One entry per contender and thread count above its smallest. The metric is a rate (tokens per second). The trials of
/// a pair share run, block and point and differ only in the threads. A contender without such pairs is left out.
std::vector<ThreadEfficiency> thread_efficiencies(const MetricColumn& column);

}  // namespace inferbench
