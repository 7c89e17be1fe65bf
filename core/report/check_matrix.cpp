// SPDX-License-Identifier: Apache-2.0
#include "report/check_matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kRequirementWidth = 50;
constexpr std::size_t kLeastCellWidth = 16;  // "unclear 12 of 16"
constexpr std::size_t kMostCellWidth = 24;

std::vector<std::string> distinct(const std::vector<CheckResult>& results, std::string CheckResult::*field) {
  std::vector<std::string> values;
  for (const CheckResult& result : results) {
    if (std::find(values.begin(), values.end(), result.*field) == values.end()) values.push_back(result.*field);
  }
  return values;
}

std::string padded(std::string_view text, std::size_t width) {
  return fmt::format("{:<{}}", one_line(text, width), width);
}

std::string cell_of(const std::vector<CheckResult>& results, const std::string& requirement,
                    const std::string& contender, std::size_t width, const ConsoleStyle& style) {
  std::vector<CheckResult> here;
  for (const CheckResult& result : results) {
    if (result.requirement == requirement && result.contender == contender) here.push_back(result);
  }
  if (here.empty()) return padded("-", width);
  const CheckVerdict worst = overall_verdict(here);
  const auto n = std::count_if(here.begin(), here.end(), [&](const auto& result) { return result.verdict == worst; });
  std::string text(to_string(worst));
  if (here.size() > 1) text += fmt::format(" {} of {}", n, here.size());
  text = padded(text, width);
  if (worst == CheckVerdict::kPass) return style.green(text);
  return worst == CheckVerdict::kFail ? style.red(text) : style.bold(text);
}

}  // namespace

std::string check_matrix(const std::vector<CheckResult>& results, const ConsoleStyle& style) {
  const std::vector<std::string> requirements = distinct(results, &CheckResult::requirement);
  const std::vector<std::string> contenders = distinct(results, &CheckResult::contender);
  std::size_t name_width = 0;
  for (const std::string& requirement : requirements) name_width = std::max(name_width, requirement.size());
  name_width = std::min(name_width, kRequirementWidth);
  std::size_t cell_width = kLeastCellWidth;
  for (const std::string& contender : contenders) cell_width = std::max(cell_width, contender.size());
  cell_width = std::min(cell_width, kMostCellWidth);
  const std::size_t columns = std::max<std::size_t>(1, (kConsoleWidth - name_width) / (cell_width + 2));
  std::string text;
  for (std::size_t first = 0; first < contenders.size(); first += columns) {
    const std::size_t end = std::min(first + columns, contenders.size());
    std::string header = std::string(name_width, ' ');
    for (std::size_t c = first; c < end; ++c) header += "  " + padded(contenders[c], cell_width);
    text += style.dim(header.substr(0, header.find_last_not_of(' ') + 1)) + "\n";
    for (const std::string& requirement : requirements) {
      text += padded(requirement, name_width);
      for (std::size_t c = first; c < end; ++c) {
        text += "  " + cell_of(results, requirement, contenders[c], cell_width, style);
      }
      text.erase(text.find_last_not_of(' ') + 1);
      text += "\n";
    }
    text += "\n";
  }
  return text;
}

}  // namespace inferbench
