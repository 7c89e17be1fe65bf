// SPDX-License-Identifier: Apache-2.0
#include "report/check_percentile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "report/check_trials.hpp"
#include "report/number_text.hpp"
#include "results/metric_values.hpp"
#include "stats/student_t.hpp"
#include "stats/summary.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

constexpr double kTail = (1 - kVerdictLevel) / 2;
constexpr int kResamples = 2000;

using Samples = std::map<std::int32_t, std::vector<double>>;  // by block

Samples samples_by_block(const TrialIndex::Trials& trials, std::string_view metric) {
  Samples samples;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up()) continue;
    auto values = metric_samples(*trial, metric);
    if (!values.empty()) samples.insert_or_assign(trial->block, std::move(values));
  }
  return samples;
}

// P(X <= k) and P(X >= k) for X ~ Binomial(n, q), 0 < q < 1.
double at_most(std::size_t k, std::size_t n, double q) {
  if (k >= n) return 1;
  return incomplete_beta(static_cast<double>(n - k), static_cast<double>(k + 1), 1 - q);
}
double at_least(std::size_t k, std::size_t n, double q) {
  return k == 0 ? 1 : 1 - at_most(k - 1, n, q);
}

struct Beyond {
  std::size_t n = 0;
  std::size_t k = 0;
  std::vector<double> shares;  // one per trial
};

Beyond count_beyond(const Target& target, const Samples& samples) {
  Beyond beyond;
  for (const auto& [block, values] : samples) {
    const auto breaks = [&](double v) { return target.at_least ? v < target.value : v > target.value; };
    const auto k = static_cast<std::size_t>(std::count_if(values.begin(), values.end(), breaks));
    beyond.n += values.size();
    beyond.k += k;
    beyond.shares.push_back(static_cast<double>(k) / static_cast<double>(values.size()));
  }
  return beyond;
}

CheckVerdict judge_count(const Beyond& beyond, double allowed) {
  if (at_most(beyond.k, beyond.n, allowed) <= kTail) return CheckVerdict::kPass;
  if (at_least(beyond.k, beyond.n, allowed) <= kTail) return CheckVerdict::kFail;
  return CheckVerdict::kUnclear;
}

CheckVerdict judge_shares(const Beyond& beyond, double allowed) {
  const auto summary = summarize(beyond.shares);
  if (!summary || !summary->sd) return CheckVerdict::kUnclear;
  const auto n = static_cast<double>(summary->n);
  const double half = student_t_quantile(1 - kTail, n - 1) * *summary->sd / std::sqrt(n);
  return judge_interval({summary->mean - half, summary->mean + half}, false, allowed);
}

std::vector<double> pooled(const Samples& samples) {
  std::vector<double> all;
  for (const auto& [block, values] : samples) all.insert(all.end(), values.begin(), values.end());
  return all;
}

std::vector<double> pooled(const std::vector<const std::vector<double>*>& blocks,
                           const std::vector<std::size_t>& picks) {
  std::vector<double> all;
  for (const std::size_t pick : picks) all.insert(all.end(), blocks[pick]->begin(), blocks[pick]->end());
  return all;
}

}  // namespace

Judged judge_percentile(const Target& target, const TrialIndex::Trials& trials) {
  const double p = target.percentile.value_or(50) / 100;
  const Samples samples = samples_by_block(trials, target.metric);
  const Beyond beyond = count_beyond(target, samples);
  if (beyond.n == 0) return {CheckVerdict::kUnclear, "no trial has a value"};
  const double allowed = target.at_least ? p : 1 - p;
  CheckVerdict verdict = samples.size() < kFewestBlocks ? CheckVerdict::kUnclear : judge_count(beyond, allowed);
  if (target.metric == "inter_token_ms" && judge_shares(beyond, allowed) != verdict) verdict = CheckVerdict::kUnclear;
  std::string found =
      fmt::format("{} of {} {}", beyond.k, counted(beyond.n, "value"), target.at_least ? "below" : "above");
  if (const auto value = percentile(pooled(samples), p)) {
    found = fmt::format("{}, {}", value_text(target.metric, *value), found);
  }
  if (samples.size() < kFewestBlocks) {
    found += "; " + too_few_blocks_text(samples.size());
  } else if (verdict == CheckVerdict::kUnclear && beyond.k == 0) {
    const auto enough = static_cast<std::size_t>(std::ceil(std::log(kTail) / std::log1p(-allowed)));
    if (beyond.n < enough) found += fmt::format("; a pass needs {}", counted(enough, "value"));
  }
  return {verdict, found};
}

Judged judge_percentile_ratio(const Target& target, const TrialIndex::Trials& trials,
                              const TrialIndex::Trials& baseline) {
  const double p = target.percentile.value_or(50) / 100;
  const Samples ours = samples_by_block(trials, target.metric);
  const Samples theirs = samples_by_block(baseline, target.metric);
  std::vector<const std::vector<double>*> first;
  std::vector<const std::vector<double>*> second;
  for (const auto& [block, values] : ours) {
    const auto other = theirs.find(block);
    if (other == theirs.end()) continue;
    first.push_back(&values);
    second.push_back(&other->second);
  }
  if (first.size() < kFewestBlocks) {
    return {CheckVerdict::kUnclear, too_few_blocks_text(first.size())};
  }
  std::mt19937_64 random(1);
  std::vector<double> ratios;
  std::vector<std::size_t> picks(first.size());
  const auto ratio_of_picks = [&]() -> std::optional<double> {
    const auto a = percentile(pooled(first, picks), p);
    const auto b = percentile(pooled(second, picks), p);
    if (!a || !b || !(*b > 0)) return std::nullopt;
    return *a / *b;
  };
  for (std::size_t i = 0; i < picks.size(); ++i) picks[i] = i;
  const auto whole = ratio_of_picks();
  if (!whole) return {CheckVerdict::kUnclear, "too few values for this percentile"};
  for (int i = 0; i < kResamples; ++i) {
    for (std::size_t& pick : picks) pick = random() % first.size();
    if (const auto ratio = ratio_of_picks()) ratios.push_back(*ratio);
  }
  const Interval interval{percentile(ratios, kTail).value_or(0), percentile(ratios, 1 - kTail).value_or(0)};
  return {judge_interval(interval, target.at_least, target.value),
          fmt::format("{}x ({}-{})", ratio_text(*whole), ratio_text(interval.low), ratio_text(interval.high))};
}

}  // namespace inferbench
