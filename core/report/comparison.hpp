// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "results/run_folder.hpp"
#include "results/trial_index.hpp"
#include "stats/ratio.hpp"
#include "stats/summary.hpp"

namespace inferbench {

/// What failed, and how often, with the same status and message.
struct FailureCount {
  TrialStatus status = TrialStatus::kSkipped;
  std::string error;
  std::size_t count = 0;
  std::string stderr_tail;  ///< of the first of them
};

/// In how many blocks the greedy ids were those of the baseline for the same prompt.
struct SameOutput {
  std::size_t compared = 0;
  std::size_t same = 0;
};

struct Quantile {
  double probability = 0;
  double value = 0;
};

/// One contender at one point, over the blocks; warm-ups are left out.
struct ContenderResult {
  std::string contender;
  std::size_t ok = 0;
  std::size_t failed = 0;
  std::size_t recorded = 0;                     ///< all trials, warm-ups too
  std::map<std::string, Summary> metrics;       ///< by metric name; absent where no trial has it
  std::map<std::string, SpeedRatio> ratios;     ///< to the baseline, of the metrics that are times or rates
  SameOutput same_output;                       ///< zeros for the baseline
  std::vector<Quantile> inter_token_quantiles;  ///< ascending; those that the sample can bear
  std::optional<LoadOutcome> load;              ///< of the last trial that ran
  std::vector<FailureCount> failures;           ///< warm-ups too
};

struct PointResult {
  Point point;
  std::string model_name;  ///< short, for tables
  std::vector<ContenderResult> contenders;
};

/// A run, ready for any report.
struct Comparison {
  std::string name;
  std::string folder;  ///< where the run lies; empty where that is nobody's business
  std::string baseline;
  std::vector<PointResult> points;
  std::size_t planned = 0;
  std::size_t recorded = 0;
  std::size_t failed = 0;
};

/// Ratios are speeds: more than 1 is faster than the baseline, for times and rates alike; they pair the blocks in which
/// both were ok.
Comparison compare_contenders(const RunData& run);
Comparison compare_contenders(const RunData& run, const TrialIndex& index);

/// Whether a contender at one of the points has the metric.
bool has_metric(std::span<const PointResult> points, const std::string& metric);

/// The place of the baseline among the contenders; their number where it is not among them.
std::size_t baseline_index(const RunInfo& info);

}  // namespace inferbench
