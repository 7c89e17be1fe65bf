// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "results/trial_index.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// A speed that differs from the ratio of the medians in the same table.
struct MedianGap {
  std::size_t point = 0;  ///< index into RunInfo::points
  std::string contender;
  std::string metric;     ///< a headline metric
  double of_medians = 1;  ///< the contender's median over the baseline's
  SpeedRatio speed;       ///< within blocks
};

/// The speeds whose interval does not contain the ratio of the medians, and that differ from it by more than 2%.
/// Without an interval (too few blocks): those that differ by more than a quarter. By point, contender, metric.
std::vector<MedianGap> median_gaps(const RunData& run, const TrialIndex& index);

}  // namespace inferbench
