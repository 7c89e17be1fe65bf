// SPDX-License-Identifier: Apache-2.0
#include "results/metric_values.hpp"

#include <string>

#include "support/error.hpp"

namespace inferbench {

const Metric& one_value_metric(std::string_view metric) {
  const Metric* const row = find_metric(metric);
  if (row == nullptr || row->get == nullptr) throw Error("unknown metric '" + std::string(metric) + "'");
  return *row;
}

std::optional<double> metric_value(const TrialRecord& trial, const Metric& metric) {
  if (!trial.ok() || !trial.outcome.measured()) return std::nullopt;
  return metric.get({trial.point, trial.load, trial.outcome});
}

std::optional<double> metric_value(const TrialRecord& trial, std::string_view metric) {
  return metric_value(trial, one_value_metric(metric));
}

namespace {

// Null if a scenario has one value of the metric, or is none.
const std::vector<double>* request_samples(const TrialRecord& trial, std::string_view metric) {
  if (!trial.ok() || !trial.outcome.serving) return nullptr;
  const LoadMetrics& load = trial.outcome.serving->metrics;
  if (metric == "ttft_ms") return &load.ttft_ms;
  if (metric == "e2e_ms") return &load.e2e_ms;
  if (metric == "decode_ms_per_token") return &load.tpot_ms;
  if (metric == "queue_wait_ms") return &load.queue_wait_ms;
  return metric == "inter_token_ms" ? &load.inter_token_ms : nullptr;
}

}  // namespace

std::vector<double> metric_samples(const TrialRecord& trial, std::string_view metric) {
  if (const auto* samples = request_samples(trial, metric)) return *samples;
  if (metric == "inter_token_ms") {
    return trial.ok() && trial.outcome.metrics ? trial.outcome.metrics->inter_token_ms : std::vector<double>{};
  }
  const auto value = metric_value(trial, metric);
  return value ? std::vector<double>{*value} : std::vector<double>{};
}

}  // namespace inferbench
