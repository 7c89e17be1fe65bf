// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "results/trial_index.hpp"

namespace inferbench {

/// A measured trial that lies far from the others of its contender at its point, see find_outliers. It counts all the
/// same: this is a mark.
struct OutlyingTrial {
  const TrialRecord* trial = nullptr;  ///< borrowed from the run
  std::size_t point = 0;               ///< its place in RunInfo::points
  std::string_view metric;             ///< ttft_ms or decode_ms_per_token
  double value = 0;
  double median = 0;  ///< of all trials of that contender and point
};

/// By metric, then point, then contender, then as recorded.
std::vector<OutlyingTrial> outlying_trials(const RunData& run, const TrialIndex& index);

}  // namespace inferbench
