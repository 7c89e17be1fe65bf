// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/configurations.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// What added threads are worth to one contender.
struct ThreadEfficiency {
  std::string contender;
  std::int32_t from = 0;  ///< the fewest threads that were measured
  std::int32_t to = 0;
  SpeedRatio speedup;     ///< of `to` over `from`: each pair is one point and block
  double efficiency = 0;  ///< speedup / (to / from): 1 is perfect
};

/// For each contender and each thread count above its least. `metric` is a rate (tokens per second). Pairs are the
/// trials of one run, block and point but for the threads; a contender without such pairs is missing.
std::vector<ThreadEfficiency> thread_efficiencies(std::span<const MeasuredConfiguration> configurations,
                                                  std::string_view metric);

}  // namespace inferbench
