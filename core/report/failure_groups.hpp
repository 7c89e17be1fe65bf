// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/comparison.hpp"

namespace inferbench {

/// The same failure of one contender, at one or more points. Messages that differ only in their numbers count as the
/// same.
struct FailureGroup {
  std::string contender;
  TrialStatus status = TrialStatus::kSkipped;
  std::string error;                ///< of the first trial
  bool varies = false;              ///< other messages have different numbers
  std::size_t trials = 0;           ///< including warm-ups; 0 if only the quality measurement failed
  std::size_t skipped = 0;          ///< trials that were skipped after these failures
  std::vector<std::size_t> points;  ///< indices into Comparison::points, ascending
  std::string stderr_tail;          ///< of the first trial
};

/// All failures of a run: wrong output first, then in the order of the points. `quality` adds contenders that exceeded
/// their bound although no trial shows it.
std::vector<FailureGroup> failure_groups(const Comparison& comparison, const std::vector<QualityRecord>& quality);

/// "7 trials at 3 of 8 points, 14 more skipped"
std::string failure_extent(const FailureGroup& group, const Comparison& comparison);

/// The error, marked as an example if other messages have different numbers.
std::string failure_reason(const FailureGroup& group);

/// One sentence for each contender with wrong output and one for each with other failures, with counts.
std::vector<std::string> failure_sentences(const std::vector<FailureGroup>& groups, const Comparison& comparison);

}  // namespace inferbench
