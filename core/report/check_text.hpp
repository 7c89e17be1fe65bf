// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/check.hpp"

namespace inferbench {

/// A complete check, ready for output.
struct CheckReport {
  std::string name;     ///< of the experiment
  std::string against;  ///< the run it was compared with, as the user named it; empty if none
  std::vector<CheckResult> results;
  std::vector<std::string> warnings{};  ///< differences between the runs that may explain a change; one line each
};

/// For a terminal: a matrix of requirements and contenders if there is more than one result, then failed and unclear
/// results with their reasons, and with `all` also the passes. At most 100 columns. The last line is the verdict.
std::string check_console(const CheckReport& report, bool colour, bool all);

/// For a pull request: the verdict as the heading, a table of failed and unclear results, and the passes in a collapsed
/// section.
std::string check_markdown(const CheckReport& report);

/// JUnit XML for CI services: one test case per result. Unclear results are skipped tests, with the reason.
std::string check_junit(const CheckReport& report);

/// {"verdict", "level", "pass", "fail", "unclear", "results": [...], "warnings": [...]}; indented, ending with a
/// newline.
std::string check_json(const CheckReport& report);

}  // namespace inferbench
