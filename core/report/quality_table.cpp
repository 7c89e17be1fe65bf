// SPDX-License-Identifier: Apache-2.0
#include "report/quality_table.hpp"

#include <fmt/format.h>

#include "report/console_style.hpp"
#include "results/model_identity.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

/// How often the tokens that a contender emitted for one model equaled the baseline's.
struct SameTokens {
  std::size_t compared = 0;
  std::size_t same = 0;
  std::size_t wide = 0;
};

SameTokens count_same(const RunData& run, const std::string& contender, const std::string& model) {
  SameTokens count;
  for (const TrialRecord& trial : run.trials) {
    if (trial.contender != contender || trial.point.model != model || !trial.same_output) continue;
    ++count.compared;
    count.same += *trial.same_output ? 1U : 0U;
    count.wide += trial.divergence && trial.divergence->wide ? 1U : 0U;
  }
  return count;
}

std::string same_text(const SameTokens& count, const ConsoleStyle& style) {
  if (count.compared == 0) return "-";
  std::string text = fmt::format("{} of {}", count.same, count.compared);
  if (count.wide > 0) text += style.red(fmt::format(", {} far off", count.wide));
  return text;
}

std::string quality_row(const RunData& run, const QualityRecord& record, const ConsoleStyle& style) {
  const std::string same = same_text(count_same(run, record.contender, record.model), style);
  const std::string bound = record.max_kl ? fmt::format("{:.2g}", *record.max_kl) : "-";
  std::string row = "  " + name_cell(record.contender, kNameWidth);
  if (record.agreement && record.agreement->reference) {
    const Agreement::Reference& reference = *record.agreement->reference;
    row += fmt::format("{:>11.3g}{:>9}{:>9.2f}{:>9.2f}{:>11}", reference.kl.value, bound, 100 * reference.top1.value,
                       100 * reference.top5.value,
                       record.text.empty() ? "-" : fmt::format("{:.4f}", record.agreement->perplexity.value));
  } else {
    row += fmt::format("{:>11}{:>9}{:>9}{:>9}{:>11}", "-", bound, "-", "-", "-");
  }
  row += fmt::format("   {}\n", same);
  if (!record.ok()) {
    for (const std::string& line :
         wrap_text(fmt::format("{}: {}", to_string(record.status), record.error), kConsoleWidth - 6)) {
      row += fmt::format("      {}\n", style.red(line));
    }
  }
  return row;
}

std::string heading(const RunData& run, const QualityRecord& first, const ConsoleStyle& style) {
  std::string title = fmt::format("{}: agreement with {} on ", one_line(model_name(run.info, first.model), 40),
                                  one_line(first.reference, 20));
  title += first.text.empty() ? "random tokens" : shorten_path(one_line(first.text), kConsoleWidth - title.size());
  const std::string columns = fmt::format("  {:<{}}{:>11}{:>9}{:>9}{:>9}{:>11}   {}", "", kNameWidth, "KL, nats",
                                          "bound", "top-1 %", "top-5 %", "perplexity", "ids as baseline");
  return fmt::format("\n{}\n{}\n", style.bold(title), style.dim(columns));
}

}  // namespace

std::string quality_table(const RunData& run, bool colour) {
  const ConsoleStyle style(colour);
  std::string text;
  const std::string* model = nullptr;
  for (const QualityRecord& record : run.quality) {
    if (model == nullptr || *model != record.model) text += heading(run, record, style);
    model = &record.model;
    text += quality_row(run, record, style);
  }
  return text;
}

}  // namespace inferbench
