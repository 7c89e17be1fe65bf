// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "report/comparison.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

// Both by RFC 4180: a header line, CRLF, and quotes around fields that hold a comma, a quote or a line break. Numbers
// are written so that reading them back gives the same double; what a trial does not have is an empty field.

/// One row a measured trial, failed ones too; warm-ups only with `warm_ups`. latency_ms is the whole request's, and
/// tokens_per_second the tokens that all sequences of the batch generated over it.
std::string trials_csv(const RunData& run, bool warm_ups);

/// One row for each point, contender and metric: the statistics, and the speed against the baseline where there is one.
std::string summary_csv(const RunInfo& info, const Comparison& comparison);

}  // namespace inferbench
