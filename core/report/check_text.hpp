// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/check.hpp"

namespace inferbench {

/// A whole check, ready to be shown.
struct CheckReport {
  std::string name;     ///< of the experiment
  std::string against;  ///< the run it was compared with, as the user named it; empty for none
  std::vector<CheckResult> results;
  std::vector<std::string> warnings{};  ///< how the runs differ, where that may explain a change; a line each
};

/// For a terminal: a matrix of requirements and contenders where there is more than one result, then what failed and
/// what is unclear, each with its reason, and with `all` what passed, too. At most 100 columns. The last line is the
/// verdict.
std::string check_console(const CheckReport& report, bool colour, bool all);

/// For a pull request: the verdict as the heading, a table of what failed or is unclear, the passes folded away.
std::string check_markdown(const CheckReport& report);

/// JUnit XML as CI services read it: one test case a result; unclear ones are skipped, with the reason.
std::string check_junit(const CheckReport& report);

/// {"verdict", "level", "pass", "fail", "unclear", "results": [...], "warnings": [...]}; indented, ending with a
/// newline.
std::string check_json(const CheckReport& report);

}  // namespace inferbench
