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

/// All values of a metric in one trial: every gap for inter_token_ms, otherwise at most one value.
std::vector<double> metric_samples(const TrialRecord& trial, std::string_view metric);

}  // namespace inferbench
