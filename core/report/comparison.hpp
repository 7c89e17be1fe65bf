// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/rate_answer.hpp"
#include "report/request_spans.hpp"
#include "results/run_folder.hpp"
#include "results/trial_index.hpp"
#include "stats/ratio.hpp"
#include "stats/summary.hpp"

namespace inferbench {

/// A failure with its count: trials with the same status and message.
struct FailureCount {
  TrialStatus status = TrialStatus::kSkipped;
  std::string error;
  std::size_t count = 0;
  std::string stderr_tail;  ///< of the first of these trials
};

/// In how many blocks the greedy ids equaled the baseline's for the same prompt.
struct SameOutput {
  std::size_t compared = 0;
  std::size_t same = 0;
};

struct Quantile {
  double probability = 0;
  double value = 0;
};

/// One contender at one point, over all blocks, without warm-ups.
struct ContenderResult {
  std::string contender;
  bool planned = true;  ///< false: it runs only at another of the points, see PlannedPairs
  std::size_t ok = 0;
  std::size_t failed = 0;
  std::size_t recorded = 0;                     ///< all trials, including warm-ups
  std::map<std::string, Summary> metrics;       ///< by metric name; absent if no trial has it
  std::map<std::string, SpeedRatio> ratios;     ///< speed ratios to the baseline, for times and rates
  SameOutput same_output;                       ///< zeros for the baseline
  std::vector<Quantile> inter_token_quantiles;  ///< ascending; only those with enough samples
  std::optional<LoadOutcome> load;              ///< of the last trial that ran
  std::vector<FailureCount> failures;           ///< including warm-ups
  /// Of a scenario: summed over the trials that were ok. Absent for a server.
  std::optional<ServingTotals> served{};
  std::optional<RateAnswer> max_rate{};  ///< of a scenario that searches a rate
  std::vector<RequestSpan> requests{};   ///< of a scenario: the first block's, if they are few
};

struct PointResult {
  Point point;
  std::string model_name;  ///< short, for tables
  std::vector<ContenderResult> contenders;
};

/// A run, prepared for any report.
struct Comparison {
  std::string name;
  std::string folder;  ///< of the run; empty if it must not be shown
  std::string baseline;
  std::vector<PointResult> points;
  std::size_t planned = 0;
  std::size_t recorded = 0;
  std::size_t failed = 0;
};

/// Ratios are speeds: more than 1 is faster than the baseline, for times and rates alike. They pair the blocks in which
/// both were ok.
Comparison compare_contenders(const RunData& run);
Comparison compare_contenders(const RunData& run, const TrialIndex& index);

/// True if a contender at one of the points has the metric.
bool has_metric(std::span<const PointResult> points, const std::string& metric);

/// Index of the baseline among the contenders, or their number if it is not among them.
std::size_t baseline_index(const RunInfo& info);

}  // namespace inferbench
