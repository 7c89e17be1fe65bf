// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "report/console_style.hpp"
#include "report/headline_text.hpp"
#include "report/markdown_text.hpp"
#include "report/number_text.hpp"
#include "report/run_comparison.hpp"
#include "support/counted.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kComparedNameWidth = 16;
constexpr const char* kPrefill = "prefill_tokens_per_s";
constexpr const char* kDecode = "decode_tokens_per_s";

std::string or_none(const std::string& text) {
  return text.empty() ? "(none)" : text;
}

std::string median_text(const std::optional<Summary>& summary) {
  return summary ? number_text(summary->median) : "-";
}

std::string overall_name(const OverallChange& change) {
  return change.contender.empty() ? "all contenders" : change.contender;
}

std::string console_cells(const Change& change, const ConsoleStyle& style) {
  return fmt::format(
      "{:>7}{:>7} {}", median_text(change.a), median_text(change.b),
      change.speed ? speed_cell(*change.speed, style) : fmt::format("{:<{}}", "     -", kSpeedCellWidth));
}

void put_differences(std::string& text, const RunComparison& comparison, const ConsoleStyle& style) {
  if (comparison.differences.empty()) {
    text += "same program, backends, models and environment\n";
    return;
  }
  text += style.bold("differences, A then B") + "\n";
  for (const Difference& difference : comparison.differences) {
    text += fmt::format("  {}\n", one_line(difference.what, kConsoleWidth - 2));
    text += fmt::format("      {}\n      {}\n", one_line(or_none(difference.a), kConsoleWidth - 6),
                        one_line(or_none(difference.b), kConsoleWidth - 6));
  }
}

void put_overall_line(std::string& text, const RunComparison& comparison, const ConsoleStyle& style) {
  text += fmt::format("\n{}\n", style.bold("overall speed of B against A: geometric mean over the points"));
  for (const OverallChange& change : comparison.overall) {
    text += fmt::format("  {} {:<8}{} {}\n", name_cell(overall_name(change), 32), phase_of(change.metric),
                        speed_cell(change.speed, style), counted(change.points, "point"));
  }
}

// What is not compared, and the reason.
std::vector<std::string> unmatched_lines(const RunComparison& comparison) {
  std::vector<std::string> lines;
  for (const auto& [side, names] :
       {std::pair("A", &comparison.contenders_only_in_a), std::pair("B", &comparison.contenders_only_in_b)}) {
    if (!names->empty()) lines.push_back(fmt::format("contenders only in {}: {}", side, fmt::join(*names, ", ")));
  }
  if (comparison.unmatched_a + comparison.unmatched_b > 0) {
    lines.push_back(
        fmt::format("{} only in A, {} only in B", counted(comparison.unmatched_a, "point"), comparison.unmatched_b));
  }
  for (const std::string& line : comparison.changed) lines.push_back("not compared: " + line);
  return lines;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

nlohmann::ordered_json speed_json(const SpeedRatio& speed) {
  nlohmann::ordered_json object{
      {"n", speed.n}, {"speed_ratio", speed.ratio}, {"level", speed.level}, {"low", nullptr}, {"high", nullptr}};
  if (speed.interval) {
    object["low"] = speed.interval->low;
    object["high"] = speed.interval->high;
  }
  object["verdict"] = to_string(judge(speed));
  return object;
}

nlohmann::ordered_json change_json(const Change& change) {
  const auto side = [](const std::optional<Summary>& summary) {
    if (!summary) return nlohmann::ordered_json(nullptr);
    return nlohmann::ordered_json{{"n", summary->n}, {"median", summary->median}};
  };
  return {{"a", side(change.a)},
          {"b", side(change.b)},
          {"speed", change.speed ? speed_json(*change.speed) : nlohmann::ordered_json(nullptr)}};
}

std::string markdown_speed(const std::optional<SpeedRatio>& speed) {
  return speed ? fmt::format("{} {}", speed_text(*speed), to_string(judge(*speed))) : "-";
}

}  // namespace

std::string run_comparison_console(const RunComparison& comparison, bool colour) {
  const ConsoleStyle style(colour);
  std::string text = fmt::format("A: {}\nB: {}\n\n", shorten_path(one_line(comparison.name_a), kConsoleWidth - 3),
                                 shorten_path(one_line(comparison.name_b), kConsoleWidth - 3));
  put_differences(text, comparison, style);
  put_overall_line(text, comparison, style);
  for (const PointChange& point : comparison.points) {
    text += fmt::format("\n{}\n", style.bold(shorten_middle(one_line(point.title), kConsoleWidth)));
    text += style.dim(trimmed(fmt::format("  {:{}}{:>7}{:>7} {:<{}}{:>7}{:>7}  speed of B", "", kComparedNameWidth,
                                          "prefill", "", " speed of B", kSpeedCellWidth, "decode", "")));
    text += style.dim(trimmed(fmt::format("  {:{}}{:>7}{:>7} {:<{}}{:>7}{:>7}  (99% interval)", "tokens/s",
                                          kComparedNameWidth, "A", "B", " (99% interval)", kSpeedCellWidth, "A", "B")));
    for (const ContenderChange& contender : point.contenders) {
      text += trimmed(fmt::format("  {}{}{}", name_cell(contender.contender, kComparedNameWidth),
                                  console_cells(contender.metrics.at(kPrefill), style),
                                  console_cells(contender.metrics.at(kDecode), style)));
    }
  }
  const std::vector<std::string> lines = unmatched_lines(comparison);
  if (!lines.empty()) text += "\n";
  for (const std::string& line : lines) text += one_line(line, kConsoleWidth) + "\n";
  return text;
}

std::string run_comparison_markdown(const RunComparison& comparison) {
  std::string text =
      fmt::format("### {} against {}\n\n", markdown_text(comparison.name_b), markdown_text(comparison.name_a));
  text += "| contender | phase | speed of B against A | verdict | points |\n|:--|:--|:--|:--|--:|\n";
  for (const OverallChange& change : comparison.overall) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", markdown_text(overall_name(change)), phase_of(change.metric),
                        speed_text(change.speed), to_string(judge(change.speed)), change.points);
  }
  if (!comparison.differences.empty()) text += "\n| different | A | B |\n|:--|:--|:--|\n";
  for (const Difference& difference : comparison.differences) {
    text += fmt::format("| {} | {} | {} |\n", markdown_text(difference.what), markdown_text(or_none(difference.a)),
                        markdown_text(or_none(difference.b)));
  }
  text +=
      "\n| point | contender | prefill A | prefill B | speed of B | decode A | decode B | speed of B |\n"
      "|:--|:--|--:|--:|:--|--:|--:|:--|\n";
  for (const PointChange& point : comparison.points) {
    for (const ContenderChange& contender : point.contenders) {
      const Change& prefill = contender.metrics.at(kPrefill);
      const Change& decode = contender.metrics.at(kDecode);
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", markdown_text(point.title),
                          markdown_text(contender.contender), median_text(prefill.a), median_text(prefill.b),
                          markdown_speed(prefill.speed), median_text(decode.a), median_text(decode.b),
                          markdown_speed(decode.speed));
    }
  }
  const std::vector<std::string> lines = unmatched_lines(comparison);
  if (!lines.empty()) text += "\n";
  for (const std::string& line : lines) text += fmt::format("- {}\n", markdown_text(line));
  return text;
}

std::string run_comparison_json(const RunComparison& comparison) {
  using Json = nlohmann::ordered_json;
  Json object{{"a", comparison.name_a},
              {"b", comparison.name_b},
              {"differences", Json::array()},
              {"overall", Json::array()},
              {"points", Json::array()},
              {"points_only_in_a", comparison.unmatched_a},
              {"points_only_in_b", comparison.unmatched_b},
              {"contenders_only_in_a", comparison.contenders_only_in_a},
              {"contenders_only_in_b", comparison.contenders_only_in_b},
              {"changed_models", comparison.changed}};
  for (const Difference& difference : comparison.differences) {
    object["differences"].push_back({{"what", difference.what}, {"a", difference.a}, {"b", difference.b}});
  }
  for (const OverallChange& change : comparison.overall) {
    Json entry{{"contender", change.contender}, {"metric", change.metric}, {"points", change.points}};
    entry.update(speed_json(change.speed));
    object["overall"].push_back(std::move(entry));
  }
  for (const PointChange& point : comparison.points) {
    Json contenders = Json::array();
    for (const ContenderChange& contender : point.contenders) {
      Json metrics = Json::object();
      for (const auto& [metric, change] : contender.metrics) metrics[metric] = change_json(change);
      contenders.push_back({{"contender", contender.contender}, {"metrics", std::move(metrics)}});
    }
    object["points"].push_back({{"point", point.title}, {"contenders", std::move(contenders)}});
  }
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace inferbench
