// SPDX-License-Identifier: Apache-2.0
#include "report/check_quality.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "experiment/metrics.hpp"
#include "report/number_text.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

// Nats per token. Smaller divergences are rounding errors of the sums.
constexpr double kNoDivergence = 1e-6;

const QualityRecord* find_quality(const RunData& run, const std::string& contender, const std::string& model) {
  const auto found = std::find_if(run.quality.begin(), run.quality.end(), [&](const QualityRecord& record) {
    return record.contender == contender && record.model == model;
  });
  return found == run.quality.end() ? nullptr : &*found;
}

struct Figure {
  std::optional<double> value;
  Judged none;  // the reason if there is no value
};

std::optional<double> value_of(const QualityRecord& record, const std::string& metric) {
  if (!record.agreement) return std::nullopt;
  if (metric == "perplexity") return record.agreement->perplexity.value;
  if (!record.agreement->reference) return std::nullopt;
  const ReferenceAgreement& reference = *record.agreement->reference;
  if (metric == "kl") return reference.kl.value;
  return metric == "top1_agreement" ? reference.top1.value : reference.top5.value;
}

Figure figure_of(const RunData& run, const std::string& contender, const std::string& model,
                 const std::string& metric) {
  const QualityRecord* record = find_quality(run, contender, model);
  if (record == nullptr) return {std::nullopt, {CheckVerdict::kUnclear, "quality was not measured"}};
  if (metric == "perplexity" && record->text.empty()) {
    return {std::nullopt, {CheckVerdict::kUnclear, "measured on random tokens, which have no meaningful perplexity"}};
  }
  const auto value = value_of(*record, metric);
  if (value && std::isfinite(*value)) return {value, {}};
  const bool tried = record->status != TrialStatus::kUnsupported && record->status != TrialStatus::kSkipped;
  const std::string why = record->ok() ? "the measurement has no such value"
                                       : fmt::format("{}: {}", to_string(record->status), one_line(record->error));
  return {std::nullopt, {!record->ok() && tried ? CheckVerdict::kFail : CheckVerdict::kUnclear, why}};
}

// Divergences below the noise are equal.
double floored(const std::string& metric, double value) {
  return metric == "kl" ? std::max(value, kNoDivergence) : value;
}

}  // namespace

std::string quality_title(const RunData& run, const ModelIdentity& model) {
  const auto record = std::find_if(run.quality.begin(), run.quality.end(),
                                   [&](const QualityRecord& other) { return other.model == model.reference; });
  const bool on_text = record != run.quality.end() && !record->text.empty();
  return fmt::format("{}: quality on {}", model.name,
                     on_text ? std::filesystem::path(record->text).filename().string() : "random tokens");
}

Judged judge_quality(const Target& target, const RunData& run, const std::string& contender, const std::string& model) {
  const Figure figure = figure_of(run, contender, model, target.metric);
  if (!figure.value) return figure.none;
  double bound = target.value;
  std::string found = value_text(target.metric, *figure.value);
  if (target.times_baseline) {
    const Figure baseline = figure_of(run, run.info.baseline, model, target.metric);
    if (!baseline.value) return {CheckVerdict::kUnclear, "baseline: " + baseline.none.found};
    bound *= floored(target.metric, *baseline.value);
    found += fmt::format(", the baseline has {}", value_text(target.metric, *baseline.value));
  }
  const bool keeps = target.at_least ? *figure.value >= bound : *figure.value <= bound;
  return {keeps ? CheckVerdict::kPass : CheckVerdict::kFail, found};
}

Judged judge_quality_change(const std::string& metric, double threshold, const RunData& now, const RunData& before,
                            const std::string& contender, const std::string& model_now,
                            const std::string& model_before) {
  const Figure old_figure = figure_of(before, contender, model_before, metric);
  if (!old_figure.value) return {CheckVerdict::kUnclear, "no earlier data: " + old_figure.none.found};
  const Figure figure = figure_of(now, contender, model_now, metric);
  if (!figure.value) return figure.none;
  const Agreement& ours = *find_quality(now, contender, model_now)->agreement;
  const Agreement& theirs = *find_quality(before, contender, model_before)->agreement;
  if (ours.tokens != theirs.tokens || ours.windows != theirs.windows) {
    return {CheckVerdict::kUnclear,
            fmt::format("measured on a different text: {}, before {}", counted(ours.tokens, "token"), theirs.tokens)};
  }
  const double ratio = floored(metric, *figure.value) / floored(metric, *old_figure.value);
  const bool keeps = more_is_better(metric) ? ratio >= 1 - threshold : ratio <= 1 + threshold;
  return {keeps ? CheckVerdict::kPass : CheckVerdict::kFail,
          fmt::format("{}, before {}", value_text(metric, *figure.value), value_text(metric, *old_figure.value))};
}

}  // namespace inferbench
