// SPDX-License-Identifier: Apache-2.0
#include "report/console_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "experiment/metrics.hpp"
#include "experiment/point_text.hpp"
#include "report/console_style.hpp"
#include "report/failure_groups.hpp"
#include "report/number_text.hpp"
#include "report/overall_table.hpp"
#include "report/serving_table.hpp"
#include "support/counted.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kPointsForOverview = 4;  // with fewer points, an overview is not needed
constexpr double kMiB = 1024.0 * 1024.0;

std::string median_text(const ContenderResult& result, const std::string& metric) {
  const auto found = result.metrics.find(metric);
  return found == result.metrics.end() ? "-" : number_text(found->second.median);
}

std::string mib_text(const ContenderResult& result, const std::string& metric) {
  const auto found = result.metrics.find(metric);
  return found == result.metrics.end() ? "-" : number_text(found->second.max / kMiB);
}

std::string ratio_cell(const ContenderResult& result, const std::string& metric, const Comparison& comparison,
                       const ConsoleStyle& style) {
  if (result.contender == comparison.baseline) return fmt::format("{:<{}}", " baseline", kSpeedCellWidth);
  const auto found = result.ratios.find(metric);
  if (found == result.ratios.end()) return fmt::format("{:<{}}", "      -", kSpeedCellWidth);
  return speed_cell(found->second, style);
}

std::string speed_row(const ContenderResult& result, const Comparison& comparison, const ConsoleStyle& style) {
  if (result.ok == 0) {
    const std::string why =
        result.failures.empty() ? "not run" : std::string(to_string(result.failures.front().status));
    return fmt::format("  {}{}\n", name_cell(result.contender, kNameWidth), style.red("  " + why));
  }
  std::string row = fmt::format(
      "  {}{:>8}{:>8} {}{:>8} {}", name_cell(result.contender, kNameWidth), median_text(result, "ttft_ms"),
      median_text(result, "prefill_tokens_per_s"), ratio_cell(result, "prefill_tokens_per_s", comparison, style),
      median_text(result, "decode_tokens_per_s"), ratio_cell(result, "decode_tokens_per_s", comparison, style));
  row.erase(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

// The model's name may be a long path.
std::string title_within_width(const std::string& model, const Point& point) {
  const std::size_t rest = character_count(point_title("", point));
  return point_title(shorten_path(one_line(model), kConsoleWidth - std::min(rest, kConsoleWidth - 20)), point);
}

void put_point(std::string& text, const PointResult& result, const Comparison& comparison, const ConsoleStyle& style) {
  std::size_t blocks = 0;
  for (const auto& contender : result.contenders) blocks = std::max(blocks, contender.ok + contender.failed);
  text += fmt::format("\n{}\n", style.bold(title_within_width(result.model_name, result.point)));
  if (!result.point.scenario.empty()) {
    text += serving_table(result, comparison, style);
    return;
  }
  const std::string versus = " speed vs " + one_line(comparison.baseline, kSpeedCellWidth - 11);
  std::string header = fmt::format("  {:<{}}{:>8}{:>8} {:<{}}{:>8} {}", fmt::format("median of {}", blocks), kNameWidth,
                                   "ttft ms", "prefill", versus, kSpeedCellWidth, "decode", versus);
  std::string units = fmt::format("  {:<{}}{:>8}{:>8} {:<{}}{:>8} {}", "", kNameWidth, "", "tok/s", " (99% interval)",
                                  kSpeedCellWidth, "tok/s", " (99% interval)");
  text += style.dim(header) + "\n" + style.dim(units) + "\n";
  for (const auto& contender : result.contenders) {
    if (contender.planned || contender.recorded > 0) text += speed_row(contender, comparison, style);
  }
}

// Points with the same model and thread count share one load.
bool same_load(const PointResult& a, const PointResult& b) {
  return a.point.model == b.point.model && a.point.threads == b.point.threads;
}

// Contender `index` at the point of `group`'s load where it used the most memory; null if none of its trials was ok.
const ContenderResult* largest_in_group(const Comparison& comparison, const PointResult& group, std::size_t index) {
  const auto peak = [](const ContenderResult& result) {
    const auto found = result.metrics.find("peak_rss_bytes");
    return found == result.metrics.end() ? 0 : found->second.max;  // unknown: any known value is preferred
  };
  const ContenderResult* largest = nullptr;
  for (const auto& point : comparison.points) {
    const ContenderResult& here = point.contenders[index];
    if (!same_load(point, group) || here.ok == 0 || !here.load) continue;
    if (largest == nullptr || peak(here) > peak(*largest)) largest = &here;
  }
  return largest;
}

using Columns = std::vector<const Metric*>;

// The metrics of a kind that some contender has. For example, no backend of the run may use a device.
Columns columns_of(MetricKind kind, const Comparison& comparison) {
  Columns columns;
  for (const Metric& metric : all_metrics()) {
    if (metric.kind == kind && has_metric(comparison.points, std::string(metric.name))) {
      columns.push_back(&metric);
    }
  }
  return columns;
}

std::size_t column_width(const Metric& metric) {
  return std::max<std::size_t>(9, metric.column.size() + 2);
}

std::string load_row(const ContenderResult& result, const Columns& columns) {
  const LoadOutcome& load = *result.load;
  const std::string where = load.kernels.empty() ? load.device : fmt::format("{}, {}", load.device, load.kernels);
  const bool loads = result.metrics.contains("load_ms");  // a server has loaded before
  std::string row =
      fmt::format("  {}{:>9}", name_cell(result.contender, kNameWidth), loads ? number_text(load.load_ms) : "-");
  for (const Metric* metric : columns) {
    row += fmt::format("{:>{}}", mib_text(result, std::string(metric->name)), column_width(*metric));
  }
  const std::size_t room = std::clamp<std::size_t>(kConsoleWidth - std::min(kConsoleWidth, row.size() + 3), 10, 30);
  return row + fmt::format("   {}\n", one_line(where, room));
}

std::string load_header(const Columns& columns) {
  std::string header = fmt::format("  {:<{}}{:>9}", "", kNameWidth, "load ms");
  for (const Metric* metric : columns) header += fmt::format("{:>{}}", metric->column, column_width(*metric));
  return header + "   device, kernels";
}

void put_loads(std::string& text, const Comparison& comparison, const ConsoleStyle& style) {
  Columns columns = columns_of(MetricKind::kMemory, comparison);
  // The driver's figure includes what the backend reports, and a line has no room for both.
  if (has_metric(comparison.points, "device_peak_bytes")) {
    std::erase_if(columns, [](const Metric* metric) { return metric->name == "device_bytes"; });
  }
  for (auto group = comparison.points.begin(); group != comparison.points.end(); ++group) {
    const auto earlier = [&](const PointResult& point) { return same_load(point, *group); };
    if (std::any_of(comparison.points.begin(), group, earlier)) continue;
    const std::string title = fmt::format("{}: load and memory, threads {}",
                                          shorten_path(one_line(group->model_name), 60), group->point.threads);
    text += fmt::format("\n{}\n{}\n", style.bold(title), style.dim(load_header(columns)));
    for (std::size_t i = 0; i < group->contenders.size(); ++i) {
      const ContenderResult* largest = largest_in_group(comparison, *group, i);
      if (largest != nullptr) text += load_row(*largest, columns);
    }
  }
}

std::string energy_row(const ContenderResult& result, const Columns& columns) {
  std::string row = fmt::format("  {}", name_cell(result.contender, kNameWidth));
  for (const Metric* metric : columns) {
    row += fmt::format("{:>{}}", median_text(result, std::string(metric->name)), column_width(*metric));
  }
  return row + "\n";
}

// One table per point, if any contender's energy is known.
void put_energy(std::string& text, const Comparison& comparison, const ConsoleStyle& style) {
  const Columns columns = columns_of(MetricKind::kEnergy, comparison);
  if (columns.empty()) return;
  std::string header = fmt::format("  {:<{}}", "median", kNameWidth);
  for (const Metric* metric : columns) header += fmt::format("{:>{}}", metric->column, column_width(*metric));
  for (const PointResult& point : comparison.points) {
    std::string rows;
    for (const ContenderResult& result : point.contenders) {
      if (result.metrics.contains("energy_j")) rows += energy_row(result, columns);
    }
    if (rows.empty()) continue;
    const std::string title = title_within_width("energy: " + point.model_name, point.point);
    text += fmt::format("\n{}\n{}\n{}", style.bold(title), style.dim(header), rows);
  }
}

// The overview is about prefill and decode speed, which scenarios do not have.
Comparison without_scenarios(Comparison comparison) {
  std::erase_if(comparison.points, [](const PointResult& point) { return !point.point.scenario.empty(); });
  return comparison;
}

void put_failures(std::string& text, const Comparison& comparison, const ConsoleStyle& style) {
  if (comparison.failed == 0) return;
  text += fmt::format(
      "\n{}\n",
      style.bold(style.red(fmt::format("{} of {} failed", comparison.failed, counted(comparison.recorded, "trial")))));
  for (const FailureGroup& group : failure_groups(comparison, {})) {
    text += indented(
        fmt::format("{}: {}, {}", to_string(group.status), group.contender, failure_extent(group, comparison)), 2);
    if (group.points.size() < comparison.points.size()) {
      const PointResult& first = comparison.points[group.points.front()];
      const std::string title = point_title(first.model_name, first.point);
      text += indented(group.points.size() == 1 ? title : "first at " + title, 6);
    }
    text += indented(failure_reason(group), 6);
    if (!group.stderr_tail.empty()) {
      const std::size_t last = group.stderr_tail.rfind('\n');  // without a newline npos, and npos + 1 is 0
      text += indented("stderr: " + group.stderr_tail.substr(last + 1), 6);
    }
  }
}

}  // namespace

std::string console_table(const Comparison& comparison, const std::vector<Headline>& headlines, bool colour) {
  const ConsoleStyle style(colour);
  std::string text;
  const Comparison batches = without_scenarios(comparison);
  if (batches.points.size() >= kPointsForOverview) text += overall_table(batches, headlines, style);
  for (const auto& point : comparison.points) put_point(text, point, comparison, style);
  put_loads(text, comparison, style);
  put_energy(text, comparison, style);
  put_failures(text, comparison, style);
  if (comparison.recorded < comparison.planned) {
    text += fmt::format("\n{} of {} {} run\n", comparison.recorded, counted(comparison.planned, "planned trial"),
                        comparison.recorded == 1 ? "was" : "were");
  }
  return text.empty() ? text : text.substr(1);
}

}  // namespace inferbench
