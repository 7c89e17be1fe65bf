// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "predict/samples.hpp"

namespace inferbench {

/// Axes on which a prediction can leave what was measured: model_size (weights), prompt_tokens, generate_tokens,
/// context (prompt and generated tokens), batch, threads.
const std::vector<std::string>& ranged_axes();

/// The distinct values of each axis that one contender was measured at.
using MeasuredRanges = std::map<std::string, std::set<double>>;

void add_to_ranges(MeasuredRanges& ranges, const Workload& workload);

/// A place outside of what was measured.
struct BeyondRange {
  std::string axis;
  double value = 0;
  double low = 0;  ///< of the measured values
  double high = 0;
  /// Farther out, as a ratio, than the widest gap between neighbouring measured values: nothing that validation did
  /// says how good such a prediction is. With one measured value any other is too far.
  bool too_far = false;
};

/// Axes on which the workload lies outside; none where it lies within. generate_tokens counts by the context alone.
std::vector<BeyondRange> beyond_ranges(const MeasuredRanges& ranges, const Workload& workload);

/// "batch 16 is beyond the measured 1 to 8".
std::string beyond_text(const BeyondRange& beyond);

}  // namespace inferbench
