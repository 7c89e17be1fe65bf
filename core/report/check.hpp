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
  std::string found;  ///< "2.38x (2.11-2.71)", or why there is no value
};

/// The verdict for an interval: pass if all of it keeps the bound, fail if all of it breaks it, otherwise unclear.
CheckVerdict judge_interval(const Interval& interval, bool at_least, double bound);

/// The targets in the run's resolved experiment. Throws Error if it cannot be read.
std::vector<Target> targets_of(const RunInfo& info);

/// The regression rules in the run's resolved experiment. Throws Error if it cannot be read.
std::vector<RegressionRule> regressions_of(const RunInfo& info);

/// Checks each target for its contenders (all if it names none) at each of its points. Quality metrics have no points
/// and are checked per model. The verdict uses the 99% interval of the geometric mean over the trials; relative to the
/// baseline, that of the per-block ratios. A percentile is judged by the number of values beyond the bound, with exact
/// binomial limits. Gaps within a trial are correlated, so for them the share beyond the bound is also tested across
/// trials. Quality is exact for its text, so its value is compared directly, as `max_kl` does. A contender that failed
/// in all trials fails; one that failed in some cannot pass. A result that cannot be judged is unclear, with the
/// reason; a target for which nothing was run has one such result.
std::vector<CheckResult> check_targets(const RunData& run, const std::vector<Target>& targets);

/// The metrics that `check --against` judges by default.
const std::vector<std::string>& default_regression_metrics();

/// How much worse a metric may be if no rule says otherwise.
inline constexpr double kDefaultThreshold = 0.05;

struct RegressionOptions {
  std::vector<RegressionRule> rules;  ///< the matching rule with the most conditions applies, in a tie the last
  std::vector<std::string> metrics = default_regression_metrics();
};

/// Tests each metric of each contender at each point of either run: is it worse than before by more than the threshold?
/// The verdict uses Welch's 99% interval on the logarithms, because the runs are independent; quality is compared by
/// its values on the same text. A contender that ran before and failed now fails. If one of the runs has no data, the
/// result is unclear and says which. Throws Error if the runs have no point or no contender in common.
std::vector<CheckResult> check_regressions(const RunData& now, const RunData& before, const RegressionOptions& options);

struct CheckCounts {
  std::size_t pass = 0;
  std::size_t fail = 0;
  std::size_t unclear = 0;
};
CheckCounts count_verdicts(const std::vector<CheckResult>& results);

/// fail if any result failed; otherwise unclear if any is unclear or there are no results; otherwise pass.
CheckVerdict overall_verdict(const std::vector<CheckResult>& results);

}  // namespace inferbench
