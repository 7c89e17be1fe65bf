// SPDX-License-Identifier: Apache-2.0
#include "report/console_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "experiment/point_text.hpp"
#include "report/console_style.hpp"
#include "report/number_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

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

void put_point(std::string& text, const PointResult& result, const Comparison& comparison, const ConsoleStyle& style) {
  std::size_t blocks = 0;
  for (const auto& contender : result.contenders) blocks = std::max(blocks, contender.ok + contender.failed);
  text += fmt::format("\n{}\n", style.bold(point_title(result.model_name, result.point)));
  const std::string versus = " speed vs " + one_line(comparison.baseline, kSpeedCellWidth - 11);
  std::string header = fmt::format("  {:<{}}{:>8}{:>8} {:<{}}{:>8} {}", fmt::format("median of {}", blocks), kNameWidth,
                                   "ttft ms", "prefill", versus, kSpeedCellWidth, "decode", versus);
  std::string units = fmt::format("  {:<{}}{:>8}{:>8} {:<{}}{:>8} {}", "", kNameWidth, "", "tok/s", " (99% interval)",
                                  kSpeedCellWidth, "tok/s", " (99% interval)");
  text += style.dim(header) + "\n" + style.dim(units) + "\n";
  for (const auto& contender : result.contenders) text += speed_row(contender, comparison, style);
}

// The points of a model and thread count share one load.
bool same_load(const PointResult& a, const PointResult& b) {
  return a.point.model == b.point.model && a.point.threads == b.point.threads;
}

// Contender `index` at the point of `group` where it held the most memory; null where none of its trials was ok.
const ContenderResult* largest_in_group(const Comparison& comparison, const PointResult& group, std::size_t index) {
  const auto peak = [](const ContenderResult& result) {
    const auto found = result.metrics.find("peak_rss_bytes");
    return found == result.metrics.end() ? 0 : found->second.max;  // unknown: any other is preferred
  };
  const ContenderResult* largest = nullptr;
  for (const auto& point : comparison.points) {
    const ContenderResult& here = point.contenders[index];
    if (!same_load(point, group) || here.ok == 0 || !here.load) continue;
    if (largest == nullptr || peak(here) > peak(*largest)) largest = &here;
  }
  return largest;
}

std::string load_row(const ContenderResult& result) {
  const LoadOutcome& load = *result.load;
  const std::string where = load.kernels.empty() ? load.device : fmt::format("{}, {}", load.device, load.kernels);
  return fmt::format("  {}{:>9}{:>13}{:>9}{:>14}   {}\n", name_cell(result.contender, kNameWidth),
                     number_text(load.load_ms), mib_text(result, "weights_bytes"), mib_text(result, "kv_bytes"),
                     mib_text(result, "peak_rss_bytes"), one_line(where, 30));
}

void put_loads(std::string& text, const Comparison& comparison, const ConsoleStyle& style) {
  for (auto group = comparison.points.begin(); group != comparison.points.end(); ++group) {
    const auto earlier = [&](const PointResult& point) { return same_load(point, *group); };
    if (std::any_of(comparison.points.begin(), group, earlier)) continue;
    const std::string title = fmt::format("{}: load and memory, threads {}", group->model_name, group->point.threads);
    const std::string header = fmt::format("  {:<{}}{:>9}{:>13}{:>9}{:>14}   {}", "", kNameWidth, "load ms",
                                           "weights MiB", "KV MiB", "peak RSS MiB", "device, kernels");
    text += fmt::format("\n{}\n{}\n", style.bold(title), style.dim(header));
    for (std::size_t i = 0; i < group->contenders.size(); ++i) {
      const ContenderResult* largest = largest_in_group(comparison, *group, i);
      if (largest != nullptr) text += load_row(*largest);
    }
  }
}

void put_failures(std::string& text, const Comparison& comparison, const ConsoleStyle& style) {
  if (comparison.failed == 0) return;
  text += fmt::format(
      "\n{}\n", style.bold(style.red(fmt::format("{} of {} trials failed", comparison.failed, comparison.recorded))));
  for (const auto& point : comparison.points) {
    for (const auto& contender : point.contenders) {
      for (const auto& failure : contender.failures) {
        text += fmt::format("  {} x{}  {}\n      {}\n      {}\n", to_string(failure.status), failure.count,
                            one_line(contender.contender, 80), one_line(point_title(point.model_name, point.point), 94),
                            one_line(failure.error, 94));
        if (!failure.stderr_tail.empty()) {
          const std::size_t last = failure.stderr_tail.rfind('\n');  // of none: npos, and npos + 1 is 0
          text += fmt::format("      stderr: {}\n", one_line(failure.stderr_tail.substr(last + 1), 86));
        }
      }
    }
  }
}

}  // namespace

std::string console_table(const Comparison& comparison, bool colour) {
  const ConsoleStyle style(colour);
  std::string text;
  for (const auto& point : comparison.points) put_point(text, point, comparison, style);
  put_loads(text, comparison, style);
  put_failures(text, comparison, style);
  if (comparison.recorded < comparison.planned) {
    text += fmt::format("\n{} of {} planned trials were run\n", comparison.recorded, comparison.planned);
  }
  return text.empty() ? text : text.substr(1);
}

}  // namespace inferbench
