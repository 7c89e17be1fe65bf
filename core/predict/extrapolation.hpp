// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "predict/samples.hpp"

namespace inferbench {

/// Axes on which a prediction can leave the measured range: model_size (weights), prompt_tokens, generate_tokens,
/// context (prompt and generated tokens), batch, threads.
const std::vector<std::string>& ranged_axes();

/// The distinct measured values of each axis, for one contender.
using MeasuredRanges = std::map<std::string, std::set<double>>;

void add_to_ranges(MeasuredRanges& ranges, const Workload& workload);

/// A value outside the measured range of an axis.
struct BeyondRange {
  std::string axis;
  double value = 0;
  double low = 0;  ///< smallest and largest measured value
  double high = 0;
  /// Farther out, as a ratio, than the largest gap between neighboring measured values (2 to 8 measured allows 8 to
  /// 32). Validation says nothing about such predictions. With a single measured value, any other value is too far.
  bool too_far = false;
};

/// Axes on which the workload is outside the measured range. generate_tokens is judged only through the context.
std::vector<BeyondRange> beyond_ranges(const MeasuredRanges& ranges, const Workload& workload);

/// "batch 16 is beyond the measured 1 to 8".
std::string beyond_text(const BeyondRange& beyond);

}  // namespace inferbench
