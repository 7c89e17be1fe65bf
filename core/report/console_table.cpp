// SPDX-License-Identifier: Apache-2.0
#include "report/console_table.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "report/number_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kNameWidth = 20;
constexpr std::size_t kRatioWidth = 26;
constexpr std::size_t kLineWidth = 100;
constexpr double kMiB = 1024.0 * 1024.0;

class Printer {
 public:
  explicit Printer(bool colour) : colour_(colour) {}

  std::string bold(std::string_view text) const { return painted("1", text); }
  std::string green(std::string_view text) const { return painted("32", text); }
  std::string red(std::string_view text) const { return painted("31", text); }
  std::string dim(std::string_view text) const { return painted("2", text); }

 private:
  std::string painted(const char* code, std::string_view text) const {
    if (!colour_) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }
  bool colour_;
};

// A name that does not fit stands on a line of its own.
std::string name_cell(std::string_view name) {
  if (name.size() <= kNameWidth) return fmt::format("{:<{}}", name, kNameWidth);
  return fmt::format("{}\n{:{}}", one_line(name, kLineWidth), "", kNameWidth);
}

std::string median_text(const ContenderResult& result, const std::string& metric) {
  const auto found = result.metrics.find(metric);
  return found == result.metrics.end() ? "-" : number_text(found->second.median);
}

std::string mib_text(const ContenderResult& result, const std::string& metric) {
  const auto found = result.metrics.find(metric);
  return found == result.metrics.end() ? "-" : number_text(found->second.max / kMiB);
}

// "3.89x   3.85-3.93 faster", padded to kRatioWidth by what is seen, not by the colour codes.
std::string ratio_cell(const ContenderResult& result, const std::string& metric, const Comparison& comparison,
                       const Printer& print) {
  if (result.contender == comparison.baseline) return fmt::format("{:<{}}", " baseline", kRatioWidth);
  const auto found = result.ratios.find(metric);
  if (found == result.ratios.end()) return fmt::format("{:<{}}", "      -", kRatioWidth);
  const SpeedRatio& ratio = found->second;
  const std::string interval =
      ratio.interval ? fmt::format("{}-{}", ratio_text(ratio.interval->low), ratio_text(ratio.interval->high)) : "";
  const Verdict verdict = judge(ratio);
  const std::string word = fmt::format("{:<7}", to_string(verdict));
  const std::string painted = verdict == Verdict::kFaster   ? print.green(word)
                              : verdict == Verdict::kSlower ? print.red(word)
                                                            : print.dim(word);
  return fmt::format("{:>6} {:>11} {}", ratio_text(ratio.ratio) + "x", interval, painted);
}

std::string point_title(const PointResult& result) {
  const Point& point = result.point;
  return fmt::format("{}: prompt {}, generate {}, batch {}, threads {}", result.model_name, point.prompt_tokens,
                     point.generate_tokens, point.batch, point.threads);
}

std::string speed_row(const ContenderResult& result, const Comparison& comparison, const Printer& print) {
  if (result.ok == 0) {
    const std::string why =
        result.failures.empty() ? "not run" : std::string(to_string(result.failures.front().status));
    return fmt::format("  {}{}\n", name_cell(result.contender), print.red("  " + why));
  }
  std::string row = fmt::format(
      "  {}{:>8}{:>8} {}{:>8} {}", name_cell(result.contender), median_text(result, "ttft_ms"),
      median_text(result, "prefill_tokens_per_s"), ratio_cell(result, "prefill_tokens_per_s", comparison, print),
      median_text(result, "decode_tokens_per_s"), ratio_cell(result, "decode_tokens_per_s", comparison, print));
  row.erase(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

void put_point(std::string& text, const PointResult& result, const Comparison& comparison, const Printer& print) {
  std::size_t blocks = 0;
  for (const auto& contender : result.contenders) blocks = std::max(blocks, contender.ok + contender.failed);
  text += fmt::format("\n{}\n", print.bold(point_title(result)));
  const std::string versus = " speed vs " + one_line(comparison.baseline, kRatioWidth - 11);
  std::string header = fmt::format("  {:<{}}{:>8}{:>8} {:<{}}{:>8} {}", fmt::format("median of {}", blocks), kNameWidth,
                                   "ttft ms", "prefill", versus, kRatioWidth, "decode", versus);
  std::string units = fmt::format("  {:<{}}{:>8}{:>8} {:<{}}{:>8} {}", "", kNameWidth, "", "tok/s", " (95% interval)",
                                  kRatioWidth, "tok/s", " (95% interval)");
  text += print.dim(header) + "\n" + print.dim(units) + "\n";
  for (const auto& contender : result.contenders) text += speed_row(contender, comparison, print);
}

// The points of a model and thread count share one load.
bool same_load(const PointResult& a, const PointResult& b) {
  return a.point.model == b.point.model && a.point.threads == b.point.threads;
}

// Contender `index` at the point of `group` where it held the most memory; null where none of its trials was ok.
const ContenderResult* largest_in_group(const Comparison& comparison, const PointResult& group, std::size_t index) {
  const auto peak = [](const ContenderResult& result) { return result.metrics.at("peak_rss_bytes").max; };
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
  return fmt::format("  {}{:>9}{:>13}{:>9}{:>14}   {}\n", name_cell(result.contender), number_text(load.load_ms),
                     mib_text(result, "weights_bytes"), mib_text(result, "kv_bytes"),
                     mib_text(result, "peak_rss_bytes"), one_line(where, 30));
}

void put_loads(std::string& text, const Comparison& comparison, const Printer& print) {
  for (auto group = comparison.points.begin(); group != comparison.points.end(); ++group) {
    const auto earlier = [&](const PointResult& point) { return same_load(point, *group); };
    if (std::any_of(comparison.points.begin(), group, earlier)) continue;
    const std::string title = fmt::format("{}: load and memory, threads {}", group->model_name, group->point.threads);
    const std::string header = fmt::format("  {:<{}}{:>9}{:>13}{:>9}{:>14}   {}", "", kNameWidth, "load ms",
                                           "weights MiB", "KV MiB", "peak RSS MiB", "device, kernels");
    text += fmt::format("\n{}\n{}\n", print.bold(title), print.dim(header));
    for (std::size_t i = 0; i < group->contenders.size(); ++i) {
      const ContenderResult* largest = largest_in_group(comparison, *group, i);
      if (largest != nullptr) text += load_row(*largest);
    }
  }
}

void put_failures(std::string& text, const Comparison& comparison, const Printer& print) {
  if (comparison.failed == 0) return;
  text += fmt::format(
      "\n{}\n", print.bold(print.red(fmt::format("{} of {} trials failed", comparison.failed, comparison.recorded))));
  for (const auto& point : comparison.points) {
    for (const auto& contender : point.contenders) {
      for (const auto& failure : contender.failures) {
        text += fmt::format("  {} x{}  {}\n      {}\n      {}\n", to_string(failure.status), failure.count,
                            one_line(contender.contender, 80), one_line(point_title(point), 94),
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
  const Printer print(colour);
  std::string text;
  for (const auto& point : comparison.points) put_point(text, point, comparison, print);
  put_loads(text, comparison, print);
  put_failures(text, comparison, print);
  if (comparison.recorded < comparison.planned) {
    text += fmt::format("\n{} of {} planned trials were run\n", comparison.recorded, comparison.planned);
  }
  return text.empty() ? text : text.substr(1);
}

bool wants_colour(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return isatty(fd) == 1;
}

}  // namespace inferbench
