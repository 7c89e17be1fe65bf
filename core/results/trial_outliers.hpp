// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "results/trial_index.hpp"

namespace inferbench {

/// A measured trial far from the others of its contender and point, see find_outliers. It is only marked and still
/// counts.
struct OutlyingTrial {
  const TrialRecord* trial = nullptr;  ///< borrowed from the run
  std::size_t point = 0;               ///< index into RunInfo::points
  std::string_view metric;             ///< ttft_ms or decode_ms_per_token
  double value = 0;
  double median = 0;  ///< of all trials of that contender and point
};

/// By metric, then point, then contender, then in the order recorded.
std::vector<OutlyingTrial> outlying_trials(const RunData& run, const TrialIndex& index);

}  // namespace inferbench
