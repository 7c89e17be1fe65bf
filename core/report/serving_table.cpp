// SPDX-License-Identifier: Apache-2.0
#include "report/serving_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "report/headline_text.hpp"
#include "report/markdown_text.hpp"
#include "report/number_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr const char* kOutputMetric = "output_tokens_per_s";
constexpr const char* kMaxRateMetric = "max_rate_per_s";

/// What the last two columns of a point's table show.
struct RateColumns {
  std::string metric;       ///< of the last column
  const char* heading;      ///< of the last column
  const char* compared_by;  ///< the metric of the speed ratio
};

const Summary* summary_of(const ContenderResult& result, const std::string& metric) {
  const auto found = result.metrics.find(metric);
  return found == result.metrics.end() ? nullptr : &found->second;
}

std::string shown_median(const ContenderResult& result, const std::string& metric) {
  const Summary* summary = summary_of(result, metric);
  return summary == nullptr ? "-" : number_text(summary->median);
}

// Over the requests of all blocks; "-" where they are too few.
std::string shown_tail(const ContenderResult& result, const std::string& metric) {
  const Summary* summary = summary_of(result, metric);
  return summary == nullptr || !summary->p99 ? "-" : number_text(*summary->p99);
}

bool has_goodput(const PointResult& point) {
  return std::any_of(point.contenders.begin(), point.contenders.end(),
                     [](const ContenderResult& result) { return summary_of(result, "goodput_per_s") != nullptr; });
}

RateColumns rate_columns(const PointResult& point) {
  const std::optional<Scenario> scenario = scenario_from(point.point.scenario);
  if (scenario && scenario->kind == ScenarioKind::kMaxRate) return {kMaxRateMetric, "holds", kMaxRateMetric};
  if (has_goodput(point)) return {"goodput_per_s", "goodput", kOutputMetric};
  return {"requests_per_s", "done", kOutputMetric};
}

std::string speed_of(const ContenderResult& result, const Comparison& comparison, const RateColumns& columns,
                     const ConsoleStyle& style) {
  if (result.contender == comparison.baseline) return fmt::format("{:<{}}", " baseline", kSpeedCellWidth);
  const auto found = result.ratios.find(columns.compared_by);
  if (found == result.ratios.end()) return fmt::format("{:<{}}", "      -", kSpeedCellWidth);
  return speed_cell(found->second, style);
}

std::string trimmed_row(std::string row) {
  row.erase(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

std::string serving_row(const ContenderResult& result, const Comparison& comparison, const RateColumns& columns,
                        const ConsoleStyle& style) {
  if (result.ok == 0) {
    const std::string why =
        result.failures.empty() ? "not run" : std::string(to_string(result.failures.front().status));
    return fmt::format("  {}{}\n", name_cell(result.contender, kNameWidth), style.red("  " + why));
  }
  std::string text = trimmed_row(fmt::format(
      "  {}{:>9}{:>9}{:>9}{:>9} {}{:>8}", name_cell(result.contender, kNameWidth), shown_median(result, "ttft_ms"),
      shown_tail(result, "ttft_ms"), shown_median(result, "decode_ms_per_token"), shown_median(result, kOutputMetric),
      speed_of(result, comparison, columns, style), shown_median(result, columns.metric)));
  if (result.max_rate) text += indented(rate_answer_text(*result.max_rate), 6);
  if (result.served) text += indented(time_shares_text(*result.served), 6);
  const Summary* success = summary_of(result, "success_rate");
  if (success != nullptr && success->mean < 1) {
    text += indented(fmt::format("{:.1f}% of the requests failed", 100 * (1 - success->mean)), 6);
  }
  return text;
}

std::string markdown_speed(const ContenderResult& result, const Comparison& comparison) {
  if (result.contender == comparison.baseline) return "baseline";
  const auto found = result.ratios.find(kOutputMetric);
  if (found == result.ratios.end()) return "-";
  return fmt::format("{} {}", speed_text(found->second), to_string(judge(found->second)));
}

std::string max_rates_markdown(const Comparison& comparison) {
  std::string rows;
  for (const PointResult& point : comparison.points) {
    for (const ContenderResult& result : point.contenders) {
      if (!result.max_rate) continue;
      rows += fmt::format("| {} | {} | {} | {} | {} |\n", markdown_text(point.model_name),
                          markdown_text(point.point.scenario), point.point.threads, markdown_text(result.contender),
                          markdown_text(rate_answer_text(*result.max_rate)));
    }
  }
  if (rows.empty()) return rows;
  return fmt::format(
      "\nThe highest rate that holds an objective, with the interval of the answer:\n\n"
      "| model | scenario | threads | contender | answer |\n|:--|:--|--:|:--|:--|\n{}",
      rows);
}

}  // namespace

std::string time_shares_text(const ServingTotals& totals) {
  const double all_s = totals.forward_s + totals.scheduler_s + totals.delivery_s + totals.idle_s;
  if (!(all_s > 0) || totals.steps == 0) return "nothing ran";
  const double steps = static_cast<double>(totals.steps);
  std::string text =
      fmt::format("waits for requests {:.0f}% of the time, scheduler {:.1f}% ({:.1f} us a step)",
                  100 * totals.idle_s / all_s, 100 * totals.scheduler_s / all_s, 1e6 * totals.scheduler_s / steps);
  if (totals.delivery_s > 0) text += fmt::format(", text {:.1f}%", 100 * totals.delivery_s / all_s);
  return text + fmt::format("; {:.1f} requests a call", totals.sequences / steps);
}

std::string serving_table(const PointResult& point, const Comparison& comparison, const ConsoleStyle& style) {
  const RateColumns columns = rate_columns(point);
  const std::string versus = " speed vs " + one_line(comparison.baseline, kSpeedCellWidth - 11);
  const std::string header =
      fmt::format("  {:<{}}{:>9}{:>9}{:>9}{:>9} {:<{}}{:>8}", "median of requests", kNameWidth, "ttft ms", "p99",
                  "tpot ms", "output", versus, kSpeedCellWidth, columns.heading);
  const std::string units = fmt::format("  {:<{}}{:>9}{:>9}{:>9}{:>9} {:<{}}{:>8}", "", kNameWidth, "", "", "", "tok/s",
                                        " (99% interval)", kSpeedCellWidth, "req/s");
  std::string text = style.dim(header) + "\n" + style.dim(units) + "\n";
  for (const ContenderResult& result : point.contenders) text += serving_row(result, comparison, columns, style);
  return text;
}

std::string serving_markdown(const Comparison& comparison) {
  std::string rows;
  for (const PointResult& point : comparison.points) {
    if (point.point.scenario.empty()) continue;
    for (const ContenderResult& result : point.contenders) {
      rows += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                          markdown_text(point.model_name), markdown_text(point.point.scenario), point.point.threads,
                          point.point.batch, markdown_text(result.contender), shown_median(result, "queue_wait_ms"),
                          shown_median(result, "ttft_ms"), shown_tail(result, "ttft_ms"),
                          shown_median(result, "decode_ms_per_token"), shown_median(result, kOutputMetric),
                          markdown_speed(result, comparison), shown_median(result, "goodput_per_s"));
    }
  }
  if (rows.empty()) return rows;
  return fmt::format(
             "\n## Requests under load\n\nMedians over the requests of all blocks; output speed is relative to {}, "
             "with "
             "its 99% interval. Latencies count from the intended arrival.\n\n"
             "| model | scenario | threads | slots | contender | queue ms | ttft ms | ttft p99 ms | tpot ms | output "
             "tok/s | output speed | goodput req/s |\n"
             "|:--|:--|--:|--:|:--|--:|--:|--:|--:|--:|:--|--:|\n",
             markdown_text(comparison.baseline)) +
         rows + max_rates_markdown(comparison);
}

}  // namespace inferbench
