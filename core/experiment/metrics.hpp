// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// What each trial measures, in the order of a report.
const std::vector<std::string>& metric_names();

/// What the experiment's `quality` measures, once for each contender and model.
const std::vector<std::string>& quality_metric_names();

/// Both: what a target may name.
std::vector<std::string> judged_metric_names();

bool is_quality_metric(std::string_view metric);

/// True for rates and agreement, false for times, bytes and errors.
bool more_is_better(std::string_view metric);

}  // namespace inferbench
