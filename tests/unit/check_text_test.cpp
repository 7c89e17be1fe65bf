// SPDX-License-Identifier: Apache-2.0
#include "report/check_text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sstream>
#include <string>
#include <vector>

#include "report/check.hpp"
#include "report/check_matrix.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

TEST(CheckMatrix, HasARowForEachRequirementAndAColumnForEachContender) {
  const std::vector<CheckResult> results{{"ttft_ms at most 1 ms", "a", "p1", CheckVerdict::kPass, "1"},
                                         {"ttft_ms at most 1 ms", "a", "p2", CheckVerdict::kFail, "2"},
                                         {"ttft_ms at most 1 ms", "b", "p1", CheckVerdict::kPass, "1"},
                                         {"kl at most 1", "b", "m", CheckVerdict::kUnclear, "?"}};
  EXPECT_EQ(check_matrix(results, ConsoleStyle(false)),
            "                      a                 b\n"
            "ttft_ms at most 1 ms  fail 1 of 2       pass\n"
            "kl at most 1          -                 unclear\n\n");
  std::vector<CheckResult> many;
  for (int i = 0; i < 12; ++i) {
    many.push_back({std::string(80, 'r'), fmt::format("{}{}", std::string(40, 'c'), i), "p", CheckVerdict::kPass, ""});
  }
  std::istringstream lines(check_matrix(many, ConsoleStyle(false)));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

// The same crash at every point becomes one entry.
TEST(CheckText, SaysTheSameOnce) {
  CheckReport report{"x", "", {}};
  for (int i = 0; i < 3; ++i) {
    report.results.push_back({"r", "y", fmt::format("p{}", i), CheckVerdict::kFail, "signal 11"});
  }
  EXPECT_THAT(check_console(report, false, false),
              HasSubstr("fail    r\n        y\n        p0\n        and 2 more points\n        signal 11\nfail    0 "));
}

TEST(CheckText, HasEveryVerdict) {
  const CheckReport report{"a & b",
                           "",
                           {{"ttft_ms at most 1 ms", "<x>", "p", CheckVerdict::kFail, "2 ms"},
                            {"r", "y", "p", CheckVerdict::kUnclear, "?"},
                            {"r", "z", "p", CheckVerdict::kPass, "1"}}};
  EXPECT_EQ(check_junit(report),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">\n"
            "  <testsuite name=\"a &amp; b\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">\n"
            "    <testcase classname=\"&lt;x&gt;\" name=\"ttft_ms at most 1 ms at p\">\n"
            "      <failure message=\"2 ms\"/>\n    </testcase>\n"
            "    <testcase classname=\"y\" name=\"r at p\">\n"
            "      <skipped message=\"unclear: ?\"/>\n    </testcase>\n"
            "    <testcase classname=\"z\" name=\"r at p\"/>\n"
            "  </testsuite>\n</testsuites>\n");
  EXPECT_THAT(check_console(report, false, false), HasSubstr("fail    1 passed, 1 failed, 1 unclear\n"));
  EXPECT_THAT(check_markdown(report), HasSubstr("| fail | ttft\\_ms at most 1 ms | &lt;x&gt; | p | 2 ms |"));
  EXPECT_THAT(check_json(report), HasSubstr("\"verdict\": \"fail\""));
}

}  // namespace
}  // namespace inferbench
