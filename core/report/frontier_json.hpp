// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/comparison.hpp"
#include "report/frontier.hpp"
#include "report/request_spans.hpp"

namespace inferbench {

/// The object `frontiers` of docs/run_report.schema.json.
nlohmann::ordered_json frontiers_json(const Comparison& comparison, const Frontiers& frontiers);

nlohmann::ordered_json spans_json(const std::vector<RequestSpan>& spans);

}  // namespace inferbench
