// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/scaling.hpp"
#include "analyze/thread_efficiency.hpp"
#include "analyze/variance_shares.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// Rank correlation of a metric with a numeric axis over all configurations; the other axes are not held fixed.
struct AxisCorrelation {
  std::string axis;
  double spearman = 0;  ///< rank correlation, -1 to 1
};

struct MetricAnalysis {
  std::string metric;
  std::optional<VarianceShares> variance;
  std::vector<ScalingExponent> scaling;
  std::vector<AxisCorrelation> correlations;
  std::vector<ThreadEfficiency> threads;  ///< only for rates
};

/// The analysis of all runs together. Plain data, for a table, for JSON and for a page.
struct AnalysisResult {
  std::vector<std::string> runs;  ///< names of the runs, as in their run.json
  std::size_t trials = 0;         ///< ok, not warm-up
  std::size_t configurations = 0;
  std::vector<MetricAnalysis> metrics;
};

/// Metrics that analyze_runs uses if `metrics` is empty: times, rates and peak memory.
const std::vector<std::string>& default_analysis_metrics();

/// Throws Error for an unknown metric, for runs without an ok trial, and if one contender name has two meanings.
AnalysisResult analyze_runs(std::span<const RunData> runs, const std::vector<std::string>& metrics = {});

/// Every number of the result; absent ones are null.
nlohmann::ordered_json to_json(const AnalysisResult& result);

}  // namespace inferbench
