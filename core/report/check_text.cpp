// SPDX-License-Identifier: Apache-2.0
#include "report/check_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "report/check_matrix.hpp"
#include "report/console_style.hpp"
#include "report/markdown_text.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kIndent = 8;  // width of "unclear "

std::string painted(const ConsoleStyle& style, CheckVerdict verdict) {
  const std::string word = fmt::format("{:<7}", to_string(verdict));
  if (verdict == CheckVerdict::kPass) return style.green(word);
  return verdict == CheckVerdict::kFail ? style.red(word) : style.bold(word);
}

// Results that are equal except for the point: a crash at every point is reported once.
struct ResultGroup {
  const CheckResult* first = nullptr;
  std::size_t count = 0;
};

std::vector<ResultGroup> grouped(const std::vector<CheckResult>& results) {
  std::vector<ResultGroup> groups;
  for (const CheckResult& result : results) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const ResultGroup& group) {
      return group.first->verdict == result.verdict && group.first->requirement == result.requirement &&
             group.first->contender == result.contender && group.first->found == result.found;
    });
    if (same == groups.end()) {
      groups.push_back({&result, 1});
    } else {
      ++same->count;
    }
  }
  return groups;
}

std::string verdict_counts(const CheckCounts& counts) {
  if (counts.pass + counts.fail + counts.unclear == 0) return "nothing was judged";
  return fmt::format("{} passed, {} failed, {} unclear", counts.pass, counts.fail, counts.unclear);
}

void put_markdown_rows(std::string& text, const CheckReport& report, bool passes) {
  text += "| verdict | requirement | contender | point | found |\n|:--|:--|:--|:--|:--|\n";
  for (const CheckResult& result : report.results) {
    if ((result.verdict == CheckVerdict::kPass) != passes) continue;
    text += fmt::format("| {} | {} | {} | {} | {} |\n", to_string(result.verdict), markdown_text(result.requirement),
                        markdown_text(result.contender), markdown_text(result.point), markdown_text(result.found));
  }
}

// Escapes text for an attribute value in double quotes. XML 1.0 cannot represent most control characters; one_line
// drops them.
std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : one_line(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string check_console(const CheckReport& report, bool colour, bool all) {
  const ConsoleStyle style(colour);
  std::string text;
  if (report.results.size() > 1) text += check_matrix(report.results, style);
  for (const ResultGroup& group : grouped(report.results)) {
    const CheckResult& result = *group.first;
    if (result.verdict == CheckVerdict::kPass && !all) continue;
    text += fmt::format("{} {}", painted(style, result.verdict), indented(result.requirement, kIndent).substr(kIndent));
    text += indented(result.contender, kIndent) + indented(result.point, kIndent);
    if (group.count > 1) text += indented(fmt::format("and {}", counted(group.count - 1, "more point")), kIndent);
    text += indented(result.found, kIndent);
  }
  const CheckVerdict verdict = overall_verdict(report.results);
  return text + fmt::format("{} {}\n", painted(style, verdict), verdict_counts(count_verdicts(report.results)));
}

std::string check_markdown(const CheckReport& report) {
  const CheckCounts counts = count_verdicts(report.results);
  std::string text = fmt::format("### inferbench check: {}\n\n{}: {}", to_string(overall_verdict(report.results)),
                                 markdown_text(report.name), verdict_counts(counts));
  if (!report.against.empty()) text += fmt::format(", against {}", markdown_text(report.against));
  text += ".\n";
  for (const std::string& warning : report.warnings) text += fmt::format("\n- {}", markdown_text(warning));
  if (!report.warnings.empty()) text += "\n";
  if (counts.fail + counts.unclear > 0) {
    text += "\n";
    put_markdown_rows(text, report, false);
  }
  if (counts.pass > 0) {
    text += fmt::format("\n<details><summary>{} passed</summary>\n\n", counts.pass);
    put_markdown_rows(text, report, true);
    text += "\n</details>\n";
  }
  return text;
}

std::string check_junit(const CheckReport& report) {
  const CheckCounts counts = count_verdicts(report.results);
  const std::string totals = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
                                         report.results.size(), counts.fail, counts.unclear);
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format("<testsuites {}>\n  <testsuite name=\"{}\" {}>\n", totals, xml_text(report.name), totals);
  for (const CheckResult& result : report.results) {
    text += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", xml_text(result.contender),
                        xml_text(result.requirement + " at " + result.point));
    const std::string found = xml_text(result.found);
    if (result.verdict == CheckVerdict::kFail) {
      text += fmt::format(">\n      <failure message=\"{}\"/>\n    </testcase>\n", found);
    } else if (result.verdict == CheckVerdict::kUnclear) {
      text += fmt::format(">\n      <skipped message=\"unclear: {}\"/>\n    </testcase>\n", found);
    } else {
      text += "/>\n";
    }
  }
  return text + "  </testsuite>\n</testsuites>\n";
}

std::string check_json(const CheckReport& report) {
  using Json = nlohmann::ordered_json;
  const CheckCounts counts = count_verdicts(report.results);
  Json object{{"verdict", to_string(overall_verdict(report.results))},
              {"name", report.name},
              {"against", report.against},
              {"level", kVerdictLevel},
              {"pass", counts.pass},
              {"fail", counts.fail},
              {"unclear", counts.unclear},
              {"results", Json::array()},
              {"warnings", report.warnings}};
  for (const CheckResult& result : report.results) {
    object["results"].push_back({{"verdict", to_string(result.verdict)},
                                 {"requirement", result.requirement},
                                 {"contender", result.contender},
                                 {"point", result.point},
                                 {"found", result.found}});
  }
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace inferbench
