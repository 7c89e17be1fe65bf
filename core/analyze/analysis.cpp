// SPDX-License-Identifier: Apache-2.0
#include "analyze/analysis.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "analyze/axes.hpp"
#include "analyze/metric_column.hpp"
#include "analyze/rank_correlation.hpp"
#include "experiment/metrics.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

// Only metrics with one value per trial are allowed.
void check_metrics(const std::vector<std::string>& metrics) {
  std::vector<std::string> known;
  for (const Metric& metric : all_metrics()) {
    if (metric.get != nullptr) known.emplace_back(metric.name);
  }
  for (const std::string& metric : metrics) {
    if (std::find(known.begin(), known.end(), metric) != known.end()) continue;
    throw Error("cannot analyze metric '" + metric + "'", suggestion(metric, "metrics", known));
  }
}

std::vector<AxisCorrelation> correlations_of(const MetricColumn& column) {
  std::vector<AxisCorrelation> correlations;
  for (const std::string& axis : numeric_axes()) {
    std::vector<double> places;
    std::vector<double> values;
    std::set<std::string> architectures;
    for (std::size_t i = 0; i < column.configurations.size(); ++i) {
      if (!column.medians[i]) continue;
      places.push_back(numeric_axis_value(column.configurations[i], axis, column.metric));
      values.push_back(*column.medians[i]);
      architectures.insert(architecture_of(column.configurations[i]));
    }
    if (axis == "model_size" && architectures.size() > 1) continue;
    if (const auto r = rank_correlation(places, values)) correlations.push_back({axis, *r});
  }
  return correlations;
}

}  // namespace

const std::vector<std::string>& default_analysis_metrics() {
  static const std::vector<std::string> kMetrics = metrics_with(&Metric::analyzed);
  return kMetrics;
}

AnalysisResult analyze_runs(std::span<const RunData> runs, const std::vector<std::string>& metrics) {
  check_metrics(metrics);
  const std::vector<MeasuredConfiguration> configurations = measured_configurations(runs);
  if (configurations.empty()) throw Error("the runs contain no successful trial", "name run folders with results");
  AnalysisResult result;
  for (const RunData& run : runs) result.runs.push_back(run.info.name);
  result.configurations = configurations.size();
  for (const auto& configuration : configurations) result.trials += configuration.trials.size();
  for (const std::string& metric : metrics.empty() ? default_analysis_metrics() : metrics) {
    const MetricColumn column(configurations, metric);
    MetricAnalysis analysis{metric, variance_shares(column), scaling_exponents(column), correlations_of(column), {}};
    if (more_is_better(metric)) analysis.threads = thread_efficiencies(column);
    result.metrics.push_back(std::move(analysis));
  }
  return result;
}

}  // namespace inferbench
