// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "report/comparison.hpp"

namespace inferbench {

/// A contender against the baseline by one metric, over all points where both ran.
struct OverallSpeed {
  std::string contender;
  std::size_t points = 0;
  SpeedRatio ratio;  ///< geometric mean over the points
  double least = 1;  ///< the lowest and the highest ratio of a point
  double most = 1;
};

/// Who is fastest by one metric, and by how much.
struct Headline {
  std::string metric;
  std::vector<OverallSpeed> speeds;  ///< the fastest first; without the baseline
  std::string fastest;               ///< a contender, perhaps the baseline
  SameOutput fastest_output;         ///< of the fastest against the baseline
  std::string second;                ///< the one that comes closest to it
  std::optional<SpeedRatio> ahead;   ///< of the fastest to the second, over their common points
};

/// One for decode, then one for prefill; those that were measured against the baseline. A contender that ran at less
/// than half of the points is listed, but not called the fastest.
std::vector<Headline> headlines_of(const RunInfo& info, const TrialIndex& index);

/// The speeds that sum up a run, in the order in which a report names them.
std::vector<std::string> headline_metrics();

}  // namespace inferbench
