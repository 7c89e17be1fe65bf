// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/console_style.hpp"
#include "report/number_text.hpp"
#include "report/operator_report.hpp"
#include "support/counted.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kReasonWidth = kConsoleWidth - kNameWidth - 4;

std::string rate_text(const OperatorFigures& figures) {
  if (figures.limit.by_memory()) return number_text(figures.bytes_per_s * 1e-9) + " GB/s";
  return number_text(figures.flops_per_s * 1e-9) + " GFLOP/s";
}

std::string limit_share_text(const OperatorFigures& figures) {
  const auto share = figures.share();
  if (!share) return "-";
  return fmt::format("{:.0f}% {}", 100 * *share, figures.limit.by_memory() ? "mem" : "alu");
}

std::string error_text(const OperatorRow& row) {
  const std::string error = row.distance ? fmt::format("{:.1e}", row.distance->max) : "-";
  return row.tolerance ? fmt::format("{} of {:.0e}", error, row.tolerance->max) : error;
}

std::string operator_speed_text(const OperatorRow& row, const OperatorFigures& figures, const OperatorResults& results,
                                const ConsoleStyle& style) {
  if (figures.speed) return speed_cell(*figures.speed, style);
  return fmt::format("{:<{}}", row.contender == results.experiment.baseline ? " baseline" : "      -", kSpeedCellWidth);
}

// The backend's own message, without the prefix that repeats the row: backend, call and status.
std::string reason_of(const OperatorRow& row) {
  constexpr std::string_view kStatus = ": unsupported: ";
  const std::size_t at = row.failed() ? std::string::npos : row.error.find(kStatus);
  return at == std::string::npos ? row.error : row.error.substr(at + kStatus.size());
}

std::string row_text(const OperatorResults& results, const OperatorResult& point, const OperatorRow& row,
                     const ConsoleStyle& style) {
  const auto figures = operator_figures(results, point, row);
  if (figures) {
    return fmt::format("  {}{:>9}{:>14}{:>9} {}{:>17}\n", name_cell(row.contender, kNameWidth),
                       number_text(figures->run_s.median * 1e6), rate_text(*figures), limit_share_text(*figures),
                       operator_speed_text(row, *figures, results, style), error_text(row));
  }
  std::string text = "  " + name_cell(row.contender, kNameWidth);
  std::string space = "  ";
  for (const std::string& line :
       wrap_text(fmt::format("{}: {}", to_string(row.status), reason_of(row)), kReasonWidth)) {
    text += fmt::format("{}{}\n", space, row.failed() ? style.red(line) : style.dim(line));
    space.assign(kNameWidth + 4, ' ');
  }
  return text;
}

std::string title_of(const OperatorResults& results, const OperatorResult& point) {
  const bool has_bytes = std::any_of(point.rows.begin(), point.rows.end(),
                                     [](const OperatorRow& row) { return row.weights_bytes + row.kv_bytes > 0; });
  return fmt::format("{} {}   threads {}{}", operator_name(point.point.spec.op), shape_text(point.point.spec),
                     point.point.threads,
                     has_bytes ? fmt::format(", weights {}", to_string(results.experiment.measure.cache)) : "");
}

void put_failures(std::string& text, const OperatorResults& results, const ConsoleStyle& style) {
  for (const OperatorResult& point : results.points) {
    for (const OperatorRow& row : point.rows) {
      if (!row.failed()) continue;
      text += fmt::format("\n{}\n  {}\n",
                          style.red(fmt::format("{}: {} {}: {}", row.contender, operator_name(point.point.spec.op),
                                                shape_text(point.point.spec), to_string(row.status))),
                          row.error);
      if (!row.stderr_tail.empty()) text += fmt::format("  it printed: {}\n", one_line(row.stderr_tail, 400));
    }
  }
}

void put_notes(std::string& text, const OperatorResults& results) {
  std::size_t disturbed = 0;
  for (const OperatorResult& point : results.points) {
    for (const OperatorRow& row : point.rows) {
      const auto figures = operator_figures(results, point, row);
      if (figures) disturbed += figures->disturbed;
    }
  }
  text +=
      "\ntime: one run, median of the blocks. of limit: share of the read bandwidth (mem) or of the\n"
      "arithmetic peak (alu), whichever takes longer. error: largest difference from float64 as a\n"
      "multiple of its root mean square, and the tolerance.\n";
  std::set<std::string> told;
  for (const OperatorResult& point : results.points) {
    for (const OperatorRow& row : point.rows) {
      if (row.teardown_fault.empty()) continue;
      const std::string note =
          fmt::format("note: {} did not shut down cleanly: {}\n", row.contender, row.teardown_fault);
      if (told.insert(note).second) text += note;
    }
  }
  if (disturbed > 0)
    text += fmt::format("note: {} disturbed, also when repeated\n",
                        disturbed == 1 ? "1 sample was" : counted(disturbed, "sample") + " were");
}

}  // namespace

std::string operator_table(const OperatorResults& results, bool colour) {
  const ConsoleStyle style(colour);
  const std::string versus = " speed vs " + one_line(results.experiment.baseline, kSpeedCellWidth - 11);
  std::string text;
  for (const OperatorResult& point : results.points) {
    const std::string header =
        fmt::format("  {:<{}}{:>9}{:>14}{:>9} {:<{}}{:>17}", counted(results.experiment.measure.blocks, "block"),
                    kNameWidth, "time us", "rate", "of limit", versus, kSpeedCellWidth, "error");
    text += fmt::format("\n{}\n{}\n", style.bold(title_of(results, point)), style.dim(header));
    for (const OperatorRow& row : point.rows) text += row_text(results, point, row, style);
  }
  put_failures(text, results, style);
  put_notes(text, results);
  return text;
}

}  // namespace inferbench
