// SPDX-License-Identifier: Apache-2.0
#include "report/check.hpp"

namespace inferbench {

std::string_view to_string(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::kPass:
      return "pass";
    case CheckVerdict::kFail:
      return "fail";
    case CheckVerdict::kUnclear:
      break;
  }
  return "unclear";
}

CheckVerdict judge_interval(const Interval& interval, bool at_least, double bound) {
  if (at_least ? interval.low >= bound : interval.high <= bound) return CheckVerdict::kPass;
  if (at_least ? interval.high < bound : interval.low > bound) return CheckVerdict::kFail;
  return CheckVerdict::kUnclear;
}

CheckCounts count_verdicts(const std::vector<CheckResult>& results) {
  CheckCounts counts;
  for (const CheckResult& result : results) {
    if (result.verdict == CheckVerdict::kPass) ++counts.pass;
    if (result.verdict == CheckVerdict::kFail) ++counts.fail;
    if (result.verdict == CheckVerdict::kUnclear) ++counts.unclear;
  }
  return counts;
}

CheckVerdict overall_verdict(const std::vector<CheckResult>& results) {
  const CheckCounts counts = count_verdicts(results);
  if (counts.fail > 0) return CheckVerdict::kFail;
  return counts.unclear > 0 || counts.pass == 0 ? CheckVerdict::kUnclear : CheckVerdict::kPass;
}

}  // namespace inferbench
