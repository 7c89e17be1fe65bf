// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "results/trial_index.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// A speed that is not what dividing the medians in the same table would give.
struct MedianGap {
  std::size_t point = 0;  ///< its place in RunInfo::points
  std::string contender;
  std::string metric;  ///< one of those that sum up a run
  double of_medians = 1;    ///< the contender's median over the baseline's
  SpeedRatio speed;         ///< within blocks
};

/// Those where the ratio of the medians is outside the speed's interval and more than 2% away from it; without an
/// interval (too few blocks), where they are more than a quarter apart. By point, contender, metric.
std::vector<MedianGap> median_gaps(const RunData& run, const TrialIndex& index);

}  // namespace inferbench
