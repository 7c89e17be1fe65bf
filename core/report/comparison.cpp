// SPDX-License-Identifier: Apache-2.0
#include "report/comparison.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "experiment/metrics.hpp"
#include "results/metric_values.hpp"
#include "results/paired_ratio.hpp"

namespace inferbench {

namespace {

using Trials = std::vector<const TrialRecord*>;

// Those whose ratio says how fast something is.
constexpr std::array<std::string_view, 5> kSpeedMetrics{"ttft_ms", "prefill_tokens_per_s", "decode_ms_per_token",
                                                        "decode_tokens_per_s", "e2e_ms"};

Trials trials_of(const RunData& run, const Point& point, const std::string& contender) {
  Trials found;
  for (const TrialRecord& trial : run.trials) {
    if (trial.point == point && trial.contender == contender) found.push_back(&trial);
  }
  return found;
}

void count_failure(std::vector<FailureCount>& failures, const TrialRecord& trial) {
  const auto same = [&](const FailureCount& failure) {
    return failure.status == trial.outcome.status && failure.error == trial.outcome.error;
  };
  const auto found = std::find_if(failures.begin(), failures.end(), same);
  if (found != failures.end()) {
    ++found->count;
  } else {
    failures.push_back({trial.outcome.status, trial.outcome.error, 1, trial.outcome.stderr_tail});
  }
}

ContenderResult summarize_contender(const std::string& name, const Trials& trials) {
  ContenderResult result;
  result.contender = name;
  std::map<std::string, std::vector<double>> samples;
  for (const TrialRecord* trial : trials) {
    if (!trial->ok()) count_failure(result.failures, *trial);
    if (trial->load.status == TrialStatus::kOk) result.load = trial->load;
    if (trial->warm_up()) continue;
    ++(trial->ok() ? result.ok : result.failed);
    for (const std::string& metric : metric_names()) {
      const auto values = metric_samples(*trial, metric);
      samples[metric].insert(samples[metric].end(), values.begin(), values.end());
    }
  }
  for (const auto& [metric, values] : samples) {
    if (const auto summary = summarize(values)) result.metrics.emplace(metric, *summary);
  }
  return result;
}

std::string short_name(const RunInfo& info, const std::string& reference) {
  const auto found = std::find_if(info.models.begin(), info.models.end(),
                                  [&](const ModelIdentity& model) { return model.reference == reference; });
  return found == info.models.end() ? reference : found->name;
}

PointResult compare_at(const RunData& run, const Point& point) {
  PointResult result{point, short_name(run.info, point.model), {}};
  const Trials baseline = trials_of(run, point, run.info.baseline);
  for (const Contender& contender : run.info.contenders) {
    const Trials trials = trials_of(run, point, contender.name);
    ContenderResult summary = summarize_contender(contender.name, trials);
    for (const std::string_view metric : kSpeedMetrics) {
      if (contender.name == run.info.baseline) break;
      if (const auto ratio = paired_ratio(metric, trials, baseline)) summary.ratios.emplace(metric, *ratio);
    }
    result.contenders.push_back(std::move(summary));
  }
  return result;
}

}  // namespace

Comparison compare_contenders(const RunData& run) {
  Comparison comparison;
  comparison.name = run.info.name;
  comparison.baseline = run.info.baseline;
  comparison.planned = run.info.planned_trials;
  comparison.recorded = run.trials.size();
  comparison.failed = static_cast<std::size_t>(
      std::count_if(run.trials.begin(), run.trials.end(), [](const TrialRecord& trial) { return !trial.ok(); }));
  for (const Point& point : run.info.points) comparison.points.push_back(compare_at(run, point));
  return comparison;
}

}  // namespace inferbench
