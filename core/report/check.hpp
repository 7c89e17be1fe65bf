// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "results/run_folder.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

enum class CheckVerdict { kPass, kFail, kUnclear };

/// "pass", "fail", "unclear".
std::string_view to_string(CheckVerdict verdict);

/// One requirement for one contender at one point.
struct CheckResult {
  std::string requirement;  ///< "decode_tokens_per_s at least 1.2 x baseline"
  std::string contender;
  std::string point;  ///< point_title
  CheckVerdict verdict = CheckVerdict::kUnclear;
  std::string found;  ///< "2.38x (2.11-2.71)", or why there is nothing
};

/// The verdict on a whole interval: pass where all of it keeps the bound, fail where all of it breaks it.
CheckVerdict judge_interval(const Interval& interval, bool at_least, double bound);

/// The targets in the run's resolved experiment. Throws Error where that cannot be read.
std::vector<Target> targets_of(const RunInfo& info);

/// The thresholds there, the same way.
std::vector<RegressionRule> regressions_of(const RunInfo& info);

/// Each target for its contenders (all, where it names none) at each of its points; a figure of quality, which has no
/// points, for each model. What is judged is the 99% interval of the geometric mean over the trials; against the
/// baseline, of the per-block ratios. A percentile is judged by how many values lie beyond the bound, with exact
/// binomial limits, and, for the gaps between tokens, which come in trials, by the spread of that share between trials,
/// too. Quality is exact for its text: its value is judged, as `max_kl` does. A contender that failed in all trials
/// fails; one that failed in some cannot pass. What could not be judged is unclear, with the reason; a target that
/// nothing was run for has one such result.
std::vector<CheckResult> check_targets(const RunData& run, const std::vector<Target>& targets);

/// What `check --against` judges where nobody says.
const std::vector<std::string>& default_regression_metrics();

/// How much worse a metric may be where no rule says.
inline constexpr double kDefaultThreshold = 0.05;

struct RegressionOptions {
  std::vector<RegressionRule> rules;  ///< of those that match the one with most conditions counts, then the last
  std::vector<std::string> metrics = default_regression_metrics();
};

/// Each metric of each contender at each point that either run has: is it worse than before by more than the threshold?
/// By the 99% interval of Welch on the logs: the runs have nothing in common; of quality, by its values on the same
/// text. What ran before and failed now fails. Where one of the runs has nothing to compare, the result is unclear and
/// says which. Throws Error where the runs have no point or no contender in common.
std::vector<CheckResult> check_regressions(const RunData& now, const RunData& before, const RegressionOptions& options);

struct CheckCounts {
  std::size_t pass = 0;
  std::size_t fail = 0;
  std::size_t unclear = 0;
};
CheckCounts count_verdicts(const std::vector<CheckResult>& results);

/// fail where anything failed, else unclear where anything is or there is no result at all, else pass.
CheckVerdict overall_verdict(const std::vector<CheckResult>& results);

}  // namespace inferbench
