// SPDX-License-Identifier: Apache-2.0
#include "report/check_trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiment/metrics.hpp"
#include "report/number_text.hpp"
#include "results/paired_ratio.hpp"
#include "stats/ratio.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

// Unsupported and skipped are not failures: the backend reported that it cannot run this, or it was not asked to.
bool is_failure(TrialStatus status) {
  return status != TrialStatus::kOk && status != TrialStatus::kUnsupported && status != TrialStatus::kSkipped;
}

std::string failures_text(std::size_t failed, std::size_t all, const TrialRecord& first) {
  return fmt::format("{} of {} failed, the first {}: {}", failed, counted(all, "trial"),
                     to_string(first.outcome.status), one_line(first.outcome.error));
}

// ": the reason", for values that a machine may not tell.
std::string why_unknown(const TrialIndex::Trials& trials, std::string_view metric) {
  const Metric* const row = find_metric(metric);
  for (const TrialRecord* trial : trials) {
    const TrialOutcome& outcome = trial->outcome;
    const bool energy = row != nullptr && row->kind == MetricKind::kEnergy;
    const std::string& reason = energy ? outcome.energy_unknown : outcome.peak_unknown;
    if ((energy || metric == "peak_rss_bytes") && !trial->warm_up() && !reason.empty()) return ": " + one_line(reason);
  }
  return {};
}

}  // namespace

NoTrial why_no_trial(const TrialIndex::Trials& trials) {
  const TrialRecord* first = nullptr;
  std::size_t failed = 0;
  bool any_failure = false;
  for (const TrialRecord* trial : trials) {
    if (trial->ok() && !trial->warm_up()) return {};
    if (trial->ok()) continue;
    ++failed;
    any_failure = any_failure || is_failure(trial->outcome.status);
    if (first == nullptr) first = trial;
  }
  if (first == nullptr) return {"not run", false};
  return {failures_text(failed, trials.size(), *first), any_failure};
}

Judged counting_failures(Judged judged, const TrialIndex::Trials& trials) {
  if (judged.verdict != CheckVerdict::kPass) return judged;
  const TrialRecord* first = nullptr;
  std::size_t failed = 0;
  std::size_t measured = 0;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up()) continue;
    ++measured;
    if (trial->ok()) continue;
    ++failed;
    if (first == nullptr) first = trial;
  }
  if (first == nullptr) return judged;
  return {CheckVerdict::kUnclear, judged.found + "; " + failures_text(failed, measured, *first)};
}

Judgeable judgeable_values(const TrialIndex::Trials& trials, std::string_view metric, bool at_least) {
  Judgeable found{trial_values(trials, metric), {}};
  std::vector<double>& values = found.values;
  if (values.empty()) {
    found.judged = {CheckVerdict::kUnclear, "no trial has a value" + why_unknown(trials, metric)};
    return found;
  }
  const auto zeros = static_cast<std::size_t>(std::count(values.begin(), values.end(), 0.0));
  const bool numbers = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v) && v >= 0; });
  if (numbers && zeros == 0) return found;
  if (!numbers) {
    found.judged = {CheckVerdict::kUnclear, "some values are negative or not finite"};
  } else if (zeros < values.size()) {
    found.judged = {CheckVerdict::kUnclear,
                    fmt::format("{} of {} {} 0", zeros, counted(values.size(), "value"), zeros == 1 ? "is" : "are")};
  } else if (values.size() < kFewestBlocks) {
    found.judged = {CheckVerdict::kUnclear, "0; " + too_few_blocks_text(values.size())};
  } else {
    found.judged = {at_least ? CheckVerdict::kFail : CheckVerdict::kPass, value_text(metric, 0)};
  }
  values.clear();
  return found;
}

std::string too_few_blocks_text(std::size_t blocks) {
  return fmt::format("{}: too few for a verdict, which needs {}", counted(blocks, "block"), kFewestBlocks);
}

std::string value_text(std::string_view metric, double value) {
  if (metric.ends_with("_bytes")) return number_text(value / (1024.0 * 1024.0)) + " MiB";
  if (metric.ends_with("tokens_per_s")) return number_text(value) + " tok/s";
  if (metric.ends_with("_per_s")) return number_text(value) + " req/s";
  if (metric.ends_with("_agreement") || metric.ends_with("_rate")) return fmt::format("{:.2f}%", 100 * value);
  if (metric == "kl") return fmt::format("{:.3g} nats/token", value);
  if (metric == "perplexity") return number_text(value);
  if (metric == "energy_j") return number_text(value) + " J";
  if (metric == "mj_per_token") return number_text(value) + " mJ";
  if (metric == "mean_power_w") return number_text(value) + " W";
  if (metric.ends_with("_s")) return number_text(value) + " s";
  return number_text(value) + " ms";
}

}  // namespace inferbench
