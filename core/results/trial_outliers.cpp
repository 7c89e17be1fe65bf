// SPDX-License-Identifier: Apache-2.0
#include "results/trial_outliers.hpp"

#include "results/metric_values.hpp"
#include "stats/outliers.hpp"
#include "stats/summary.hpp"

namespace inferbench {

namespace {

void find_in(const TrialIndex::Trials& trials, std::size_t point, std::string_view metric,
             std::vector<OutlyingTrial>& found) {
  const Metric& row = one_value_metric(metric);
  std::vector<const TrialRecord*> measured;
  std::vector<double> values;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up()) continue;
    const auto value = metric_value(*trial, row);
    if (!value) continue;
    measured.push_back(trial);
    values.push_back(*value);
  }
  const std::vector<std::size_t> far = find_outliers(values);
  if (far.empty()) return;
  const double middle = *median(values);
  for (const std::size_t i : far) found.push_back({measured[i], point, metric, values[i], middle});
}

}  // namespace

std::vector<OutlyingTrial> outlying_trials(const RunData& run, const TrialIndex& index) {
  std::vector<OutlyingTrial> found;
  for (const std::string_view metric : {"ttft_ms", "decode_ms_per_token"}) {
    for (std::size_t point = 0; point < run.info.points.size(); ++point) {
      for (std::size_t contender = 0; contender < run.info.contenders.size(); ++contender) {
        find_in(index.at(point, contender), point, metric, found);
      }
    }
  }
  return found;
}

}  // namespace inferbench
