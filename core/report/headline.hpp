// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "report/comparison.hpp"

namespace inferbench {

/// A contender's speed relative to the baseline by one metric, over all points where both ran.
struct OverallSpeed {
  std::string contender;
  std::size_t points = 0;
  SpeedRatio ratio;  ///< geometric mean over the points
  double least = 1;  ///< smallest and largest ratio of a point
  double most = 1;
};

/// The fastest contender by one metric, and its lead.
struct Headline {
  std::string metric;
  std::vector<OverallSpeed> speeds;  ///< fastest first; without the baseline
  std::string fastest;               ///< a contender, possibly the baseline
  SameOutput fastest_output;         ///< of the fastest compared with the baseline
  std::string second;                ///< the contender closest to it
  std::optional<SpeedRatio> ahead;   ///< speed of the fastest relative to the second, over their common points
};

/// One headline for decode, then one for prefill, if measured against the baseline. A contender that ran at less than
/// half as many points as the one with the most is listed but never called the fastest.
std::vector<Headline> headlines_of(const RunInfo& info, const TrialIndex& index);

/// The headline metrics, in report order.
std::vector<std::string> headline_metrics();

}  // namespace inferbench
