// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "experiment/metrics.hpp"
#include "results/trial_record.hpp"

namespace inferbench {

/// The value of a metric (metric_names) in one trial; nullopt if the trial has none, such as decode of one token.
/// inter_token_ms has many values: see metric_samples. Throws Error for an unknown name.
std::optional<double> metric_value(const TrialRecord& trial, std::string_view metric);

/// The row of the metric table for a metric with one value per trial, for loops over many trials. Throws Error for
/// another name.
const Metric& one_value_metric(std::string_view metric);
std::optional<double> metric_value(const TrialRecord& trial, const Metric& metric);

/// All values of a metric in one trial: every gap for inter_token_ms, one per request for latencies of a scenario,
/// otherwise at most one value.
std::vector<double> metric_samples(const TrialRecord& trial, std::string_view metric);

}  // namespace inferbench
