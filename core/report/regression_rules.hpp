// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "report/check.hpp"
#include "results/run_info.hpp"

namespace inferbench {

/// Parses a threshold from the command line: [METRIC][@KEY=VALUE[,KEY=VALUE]...]=PERCENT, or only PERCENT. Keys are the
/// axes of the sweep (`prompt` for prompt_tokens, `generate` for generate_tokens), `model` and `contender`. Throws
/// Error for invalid text, and if the run has no matching point or contender.
RegressionRule parse_threshold(const std::string& text, const RunInfo& run);

/// The threshold of the matching rule with the most conditions, in a tie the last; kDefaultThreshold if none matches.
double threshold_of(const std::vector<RegressionRule>& rules, const std::string& metric, const std::string& contender,
                    const Point& point);

/// `metrics`, or the default ones if it is empty, plus those that a rule names.
std::vector<std::string> judged_metrics(const std::vector<RegressionRule>& rules,
                                        const std::vector<std::string>& metrics);

}  // namespace inferbench
