// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
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

/// Each target for its contenders (all, where it names none) at every point. What is judged is the 95% interval of the
/// geometric mean over the trials; against the baseline, of the per-block ratios. A percentile is judged by how many
/// values lie beyond the bound, with exact binomial limits, and, for the gaps between tokens, which come in trials, by
/// the spread of that share between trials, too. A contender that failed in all trials fails.
std::vector<CheckResult> check_targets(const RunData& run, const std::vector<Target>& targets);

struct RegressionOptions {
  double threshold = 0.05;  ///< how much worse is worse: 0.05 is 5%
  std::vector<std::string> metrics = {"ttft_ms", "decode_tokens_per_s", "peak_rss_bytes"};
};

/// Each contender at each point of `before`: is any metric worse than before by more than the threshold? By the 95%
/// interval of Welch on the logs: the runs have nothing in common. What `before` measured and `now` did not run is
/// unclear; what failed now fails. Throws Error where the runs have no point and contender in common.
std::vector<CheckResult> check_regressions(const RunData& now, const RunData& before, const RegressionOptions& options);

struct CheckCounts {
  std::size_t pass = 0;
  std::size_t fail = 0;
  std::size_t unclear = 0;
};
CheckCounts count_verdicts(const std::vector<CheckResult>& results);

/// fail where anything failed, else unclear where anything is, else pass.
CheckVerdict overall_verdict(const std::vector<CheckResult>& results);

}  // namespace inferbench
