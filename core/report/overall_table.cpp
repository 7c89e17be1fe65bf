// SPDX-License-Identifier: Apache-2.0
#include "report/overall_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "experiment/axes.hpp"
#include "report/headline_text.hpp"
#include "report/number_text.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kCellWidth = 9;
constexpr std::size_t kCellsInALine = (kConsoleWidth - 2 - kNameWidth) / kCellWidth - 1;  // the -1: the overall speed

using Points = std::span<const PointResult>;

// `text` has `shown` visible characters; it may also contain color codes.
std::string right_aligned(const std::string& text, std::size_t shown) {
  return std::string(kCellWidth - std::min(kCellWidth, shown), ' ') + text;
}

std::string right_aligned(const std::string& text) {
  return right_aligned(text, character_count(text));
}

std::string marked_ratio(const SpeedRatio& ratio, bool some_failed, const ConsoleStyle& style) {
  const std::string speed = ratio_text(ratio.ratio) + "x";
  return right_aligned(speed + verdict_mark(judge(ratio), style) + (some_failed ? style.red("!") : " "),
                       speed.size() + 2);
}

bool all_wrong(const ContenderResult& result) {
  return std::any_of(result.failures.begin(), result.failures.end(),
                     [](const FailureCount& failure) { return failure.status == TrialStatus::kWrongOutput; });
}

std::string cell(const ContenderResult& result, const std::string& metric, bool is_baseline,
                 const ConsoleStyle& style) {
  const bool failed = !result.failures.empty();
  if (result.ok == 0 && failed) {
    const std::string word = all_wrong(result) ? "wrong" : "failed";
    return right_aligned(style.red(word) + "  ", word.size() + 2);
  }
  if (is_baseline) {
    const auto median = result.metrics.find(metric);
    if (median == result.metrics.end()) return right_aligned("-  ");
    const std::string value = number_text(median->second.median);
    return right_aligned(value + " " + (failed ? style.red("!") : " "), value.size() + 2);
  }
  const auto ratio = result.ratios.find(metric);
  return ratio == result.ratios.end() ? right_aligned("-  ") : marked_ratio(ratio->second, failed, style);
}

std::string overall_cell(const std::string& contender, const std::string& metric,
                         const std::vector<Headline>& headlines, const ConsoleStyle& style) {
  for (const Headline& headline : headlines) {
    if (headline.metric != metric) continue;
    for (const OverallSpeed& speed : headline.speeds) {
      if (speed.contender == contender) return marked_ratio(speed.ratio, false, style);
    }
  }
  return right_aligned("-  ");
}

template <typename Value>
bool varies(Points points, Value Point::*field) {
  return std::any_of(points.begin(), points.end(),
                     [&](const PointResult& point) { return point.point.*field != points.front().point.*field; });
}

std::string trimmed_line(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// `all`: every point of the run, used to decide which axes vary.
void put_columns(std::string& text, Points all, Points shown, const ConsoleStyle& style) {
  std::vector<std::string> lines;
  for (const std::string_view name : kAxesAsTold) {
    const AxisRule& axis = axis_rule(name);
    if (!varies(all, axis.field)) continue;
    std::string& line = lines.emplace_back(fmt::format("  {:<{}}", axis.label, kNameWidth + kCellWidth));
    for (const PointResult& point : shown) line += right_aligned(fmt::format("{}  ", point.point.*axis.field));
  }
  if (varies(all, &Point::node)) {
    std::string& line = lines.emplace_back(fmt::format("  {:<{}}", "node", kNameWidth + kCellWidth));
    for (const PointResult& point : shown)
      line += right_aligned(shorten_path(one_line(point.point.node), kCellWidth - 3) + "  ");
  }
  if (lines.empty()) lines.emplace_back(2 + kNameWidth + kCellWidth, ' ');
  if (shown.data() == all.data()) lines.front().replace(2 + kNameWidth, kCellWidth, right_aligned("overall  "));
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += style.dim(line) + "\n";
  }
}

// Consecutive points that have the same model and fit into a line.
Points next_columns(Points points) {
  const auto other = std::find_if(points.begin(), points.end(), [&](const PointResult& point) {
    return point.point.model != points.front().point.model;
  });
  return points.first(std::min<std::size_t>(static_cast<std::size_t>(other - points.begin()), kCellsInALine));
}

void put_metric(std::string& text, const Comparison& comparison, const std::string& metric,
                const std::vector<Headline>& headlines, const ConsoleStyle& style) {
  const Points all(comparison.points);
  const bool several_models = std::any_of(
      all.begin(), all.end(), [&](const PointResult& point) { return point.point.model != all.front().point.model; });
  const std::string title =
      fmt::format("{} speed at every point, relative to {}", phase_of(metric), one_line(comparison.baseline, 50));
  text += fmt::format("\n{}\n", style.bold(title));
  for (Points rest = all; !rest.empty();) {
    const Points shown = next_columns(rest);
    if (several_models) text += fmt::format("  model {}\n", shorten_path(one_line(shown[0].model_name), 80));
    put_columns(text, all, shown, style);
    for (std::size_t i = 0; i < shown[0].contenders.size(); ++i) {
      const std::string& name = shown[0].contenders[i].contender;
      const bool is_baseline = name == comparison.baseline;
      std::string line = "  " + name_cell(is_baseline ? name + " tok/s" : name, kNameWidth);
      const bool first = rest.size() == all.size();
      line += is_baseline || !first ? right_aligned("") : overall_cell(name, metric, headlines, style);
      for (const PointResult& point : shown) line += cell(point.contenders[i], metric, is_baseline, style);
      text += trimmed_line(line);
    }
    rest = rest.subspan(shown.size());
    if (!rest.empty()) text += "\n";
  }
}

}  // namespace

std::string overall_table(const Comparison& comparison, const std::vector<Headline>& headlines,
                          const ConsoleStyle& style) {
  std::string text;
  for (const std::string& metric : headline_metrics()) {
    if (has_metric(comparison.points, metric)) put_metric(text, comparison, metric, headlines, style);
  }
  if (!text.empty()) {
    text += style.dim("  + faster, - slower, = same, ? unclear, no mark: too few blocks, ! some trials failed") + "\n";
  }
  return text;
}

}  // namespace inferbench
