// SPDX-License-Identifier: Apache-2.0
#include "analyze/metric_column.hpp"

#include "results/metric_values.hpp"
#include "stats/summary.hpp"

namespace inferbench {

MetricColumn::MetricColumn(std::span<const MeasuredConfiguration> measured, std::string_view name)
    : configurations(measured), metric(name) {
  const Metric& row = one_value_metric(name);
  std::vector<double> known;
  for (const MeasuredConfiguration& configuration : measured) {
    std::vector<std::optional<double>>& of_trials = values.emplace_back();
    of_trials.reserve(configuration.trials.size());
    known.clear();
    for (const TrialRecord* trial : configuration.trials) {
      of_trials.push_back(metric_value(*trial, row));
      if (of_trials.back()) known.push_back(*of_trials.back());
    }
    medians.push_back(median(known));
  }
}

}  // namespace inferbench
