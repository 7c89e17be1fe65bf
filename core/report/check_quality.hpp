// SPDX-License-Identifier: Apache-2.0
// Figures of quality as targets and as regressions. They are exact for the text that they were measured on, so that the
// values are judged, without an interval.
#pragma once

#include <string>

#include "experiment/experiment.hpp"
#include "report/check_trials.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// "shakespeare: quality on validation.txt"
std::string quality_title(const RunData& run, const ModelIdentity& model);

/// A figure of quality (quality_metric_names) of a contender on a model, against a number or the baseline's figure.
Judged judge_quality(const Target& target, const RunData& run, const std::string& contender, const std::string& model);

/// Whether it is worse than before by more than the threshold. Unclear where the texts differ, and where either run did
/// not measure it; fail where it failed now.
Judged judge_quality_change(const std::string& metric, double threshold, const RunData& now, const RunData& before,
                            const std::string& contender, const std::string& model_now,
                            const std::string& model_before);

}  // namespace inferbench
