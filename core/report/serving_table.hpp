// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "report/comparison.hpp"
#include "report/console_style.hpp"

namespace inferbench {

/// The results of one scenario's point as a table of the console: headings and a row per contender.
std::string serving_table(const PointResult& point, const Comparison& comparison, const ConsoleStyle& style);

/// The results of all scenarios as a section of Markdown; empty if the run has none.
std::string serving_markdown(const Comparison& comparison);

/// Where the time of the runs went, and so what bounds the throughput: "waits for requests 71% of the time; 2.3
/// requests per call".
std::string time_shares_text(const ServingTotals& totals);

}  // namespace inferbench
