// SPDX-License-Identifier: Apache-2.0
// Quality metrics as targets and as regressions. They are exact for the text they were measured on, so the values are
// compared without an interval.
#pragma once

#include <string>

#include "experiment/experiment.hpp"
#include "report/check_trials.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// "shakespeare: quality on validation.txt"
std::string quality_title(const RunData& run, const ModelIdentity& model);

/// Judges a quality metric (quality_metric_names) of a contender on a model against a number or the baseline's value.
Judged judge_quality(const Target& target, const RunData& run, const std::string& contender, const std::string& model);

/// Judges whether it is worse than before by more than the threshold. Unclear if the texts differ or either run did not
/// measure it; fail if the measurement failed now.
Judged judge_quality_change(const std::string& metric, double threshold, const RunData& now, const RunData& before,
                            const std::string& contender, const std::string& model_now,
                            const std::string& model_before);

}  // namespace inferbench
