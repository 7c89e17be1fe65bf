// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "report/check.hpp"
#include "results/run_info.hpp"

namespace inferbench {

/// A threshold as the command line has it: [METRIC][@KEY=VALUE[,KEY=VALUE]...]=PERCENT, or PERCENT alone. Keys are the
/// axes of the sweep (`prompt` for prompt_tokens, `generate` for generate_tokens), `model` and `contender`. Throws
/// Error for what is none, and for what the run has no point or contender for.
RegressionRule parse_threshold(const std::string& text, const RunInfo& run);

/// The threshold of the rule that matches and has the most conditions, of several the last; kDefaultThreshold where
/// none matches.
double threshold_of(const std::vector<RegressionRule>& rules, const std::string& metric, const std::string& contender,
                    const Point& point);

/// `metrics`, or where it is empty the default ones, and those that a rule names.
std::vector<std::string> judged_metrics(const std::vector<RegressionRule>& rules,
                                        const std::vector<std::string>& metrics);

}  // namespace inferbench
