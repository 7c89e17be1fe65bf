// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/comparison.hpp"

namespace inferbench {

/// The same failure of one contender, at however many points. Messages that differ only in their numbers are the same.
struct FailureGroup {
  std::string contender;
  TrialStatus status = TrialStatus::kSkipped;
  std::string error;                ///< of the first
  bool varies = false;              ///< others have other numbers in it
  std::size_t trials = 0;           ///< warm-ups too; 0 where only the measurement of quality failed
  std::size_t skipped = 0;          ///< trials that were not tried after these
  std::vector<std::size_t> points;  ///< places in Comparison::points, ascending
  std::string stderr_tail;          ///< of the first
};

/// All failures of a run: wrong output first, else in the order of the points. `quality` adds contenders that broke
/// their bound without a trial that says so.
std::vector<FailureGroup> failure_groups(const Comparison& comparison, const std::vector<QualityRecord>& quality);

/// "7 trials at 3 of 8 points, 14 more skipped"
std::string failure_extent(const FailureGroup& group, const Comparison& comparison);

/// The error, marked as an example where others differ in their numbers.
std::string failure_reason(const FailureGroup& group);

/// One sentence for each contender with wrong output and one for each with other failures, with counts.
std::vector<std::string> failure_sentences(const std::vector<FailureGroup>& groups, const Comparison& comparison);

}  // namespace inferbench
