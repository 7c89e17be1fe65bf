// SPDX-License-Identifier: Apache-2.0
#include "report/comparison.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "experiment/metrics.hpp"
#include "experiment/planned_pairs.hpp"
#include "results/metric_values.hpp"
#include "results/model_identity.hpp"
#include "results/paired_ratio.hpp"

namespace inferbench {

namespace {

using Trials = TrialIndex::Trials;

// Probabilities at which the distribution of the gaps between tokens is plotted.
constexpr std::array<double, 13> kProbabilities{0.01, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50,
                                                0.60, 0.70, 0.80, 0.90, 0.95, 0.99};

void count_failure(std::vector<FailureCount>& failures, const TrialRecord& trial) {
  const auto same = [&](const FailureCount& failure) {
    return failure.status == trial.outcome.status && failure.error == trial.outcome.error;
  };
  const auto found = std::find_if(failures.begin(), failures.end(), same);
  if (found != failures.end()) {
    ++found->count;
  } else {
    failures.push_back({trial.outcome.status, trial.outcome.error, 1, trial.outcome.stderr_tail});
  }
}

// The quantiles that have enough values on their nearer side, by the rule for percentiles.
std::vector<Quantile> quantiles_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<Quantile> quantiles;
  for (const double p : kProbabilities) {
    const bool borne = percentile_of_sorted(values, std::max(p, 1 - p)).has_value();
    if (borne) quantiles.push_back({p, *percentile_of_sorted(values, p)});
  }
  return quantiles;
}

std::size_t gaps_index() {
  return static_cast<std::size_t>(find_metric("inter_token_ms") - all_metrics().data());
}

void append(const std::vector<double>& values, std::vector<double>& all) {
  all.insert(all.end(), values.begin(), values.end());
}

// One value per trial, or one per request of a scenario.
void add_samples(const TrialRecord& trial, std::vector<std::vector<double>>& samples) {
  if (!trial.ok() || !trial.outcome.measured()) return;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Metric& metric = all_metrics()[i];
    if (trial.outcome.serving) {
      if (metric.scope == MetricScope::kTrial) append(metric_samples(trial, metric.name), samples[i]);
    } else if (metric.get != nullptr) {
      if (const auto value = metric_value(trial, metric)) samples[i].push_back(*value);
    }
  }
  if (trial.outcome.metrics) append(trial.outcome.metrics->inter_token_ms, samples[gaps_index()]);
}

void add_totals(const ServingTotals& totals, std::optional<ServingTotals>& sum) {
  if (!sum) sum.emplace();
  sum->steps += totals.steps;
  sum->forward_s += totals.forward_s;
  sum->scheduler_s += totals.scheduler_s;
  sum->delivery_s += totals.delivery_s;
  sum->idle_s += totals.idle_s;
  sum->latest_ms = std::max(sum->latest_ms, totals.latest_ms);
  sum->sequences += totals.sequences;
  sum->prefill_tokens += totals.prefill_tokens;
  sum->decode_tokens += totals.decode_tokens;
}

ContenderResult summarize_contender(const std::string& name, const Trials& trials) {
  ContenderResult result;
  result.contender = name;
  result.recorded = trials.size();
  std::vector<std::vector<double>> samples(all_metrics().size());  // in the order of the table
  std::vector<MaxRate> searches;
  for (const TrialRecord* trial : trials) {
    if (!trial->ok()) count_failure(result.failures, *trial);
    if (trial->load.ok()) result.load = trial->load;
    if (trial->warm_up()) continue;
    ++(trial->ok() ? result.ok : result.failed);
    if (trial->ok() && trial->outcome.serving) {
      const ServingOutcome& serving = *trial->outcome.serving;
      if (!serving.endpoint) add_totals(serving.totals, result.served);
      if (serving.max_rate) searches.push_back(*serving.max_rate);
    }
    if (result.requests.empty()) result.requests = request_spans(*trial);
    add_samples(*trial, samples);
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!samples[i].empty()) result.metrics.emplace(all_metrics()[i].name, *summarize(samples[i]));
  }
  result.inter_token_quantiles = quantiles_of(std::move(samples[gaps_index()]));
  result.max_rate = rate_answer_of(searches);
  return result;
}

// Counts the blocks in which both emitted ids, and those in which the ids were equal.
SameOutput compare_output(const Trials& contender, const Trials& baseline) {
  std::map<std::int32_t, std::string_view> digests;
  for (const TrialRecord* trial : baseline) {
    if (!trial->warm_up() && !trial->outcome.digest.empty()) digests.emplace(trial->block, trial->outcome.digest);
  }
  SameOutput output;
  for (const TrialRecord* trial : contender) {
    const auto found = digests.find(trial->block);
    if (trial->warm_up() || trial->outcome.digest.empty() || found == digests.end()) continue;
    ++output.compared;
    if (found->second == trial->outcome.digest) ++output.same;
  }
  return output;
}

PointResult compare_at(const RunInfo& info, const TrialIndex& index, std::size_t point, std::size_t baseline) {
  PointResult result{info.points[point], model_name(info, info.points[point].model), {}};
  const PlannedPairs planned(info.contenders, info.points, info.baseline);
  for (std::size_t i = 0; i < info.contenders.size(); ++i) {
    const Trials& trials = index.at(point, i);
    ContenderResult summary = summarize_contender(info.contenders[i].name, trials);
    summary.planned = planned.has(i, info.points[point]);
    if (i != baseline && baseline < info.contenders.size()) {
      const Trials& reference = index.at(point, baseline);
      for (const std::string& metric : metrics_with(&Metric::compared)) {
        if (const auto ratio = paired_speed(metric, trials, reference)) {
          summary.ratios.emplace(metric, to_speed_ratio(*ratio));
        }
      }
      summary.same_output = compare_output(trials, reference);
    }
    result.contenders.push_back(std::move(summary));
  }
  return result;
}

}  // namespace

bool has_metric(std::span<const PointResult> points, const std::string& metric) {
  return std::any_of(points.begin(), points.end(), [&](const PointResult& point) {
    return std::any_of(point.contenders.begin(), point.contenders.end(),
                       [&](const ContenderResult& result) { return result.metrics.contains(metric); });
  });
}

std::size_t baseline_index(const RunInfo& info) {
  const auto found = std::find_if(info.contenders.begin(), info.contenders.end(),
                                  [&](const Contender& contender) { return contender.name == info.baseline; });
  return static_cast<std::size_t>(found - info.contenders.begin());
}

Comparison compare_contenders(const RunData& run) {
  return compare_contenders(run, TrialIndex(run));
}

Comparison compare_contenders(const RunData& run, const TrialIndex& index) {
  Comparison comparison;
  comparison.name = run.info.name;
  comparison.baseline = run.info.baseline;
  comparison.planned = run.info.planned_trials;
  comparison.recorded = run.trials.size();
  comparison.failed = static_cast<std::size_t>(
      std::count_if(run.trials.begin(), run.trials.end(), [](const TrialRecord& trial) { return !trial.ok(); }));
  const std::size_t baseline = baseline_index(run.info);
  for (std::size_t i = 0; i < run.info.points.size(); ++i) {
    comparison.points.push_back(compare_at(run.info, index, i, baseline));
  }
  return comparison;
}

}  // namespace inferbench
