// SPDX-License-Identifier: Apache-2.0
#include "results/paired_ratio.hpp"

#include <algorithm>
#include <numeric>

#include "results/metric_values.hpp"

namespace inferbench {

namespace {

// One number per trial: the mean of a trial's gaps.
class ValueOfTrial {
 public:
  explicit ValueOfTrial(std::string_view metric)
      : metric_(metric == "inter_token_ms" ? nullptr : &one_value_metric(metric)) {}

  std::optional<double> operator()(const TrialRecord& trial) const {
    if (metric_ != nullptr) return metric_value(trial, *metric_);
    const std::vector<double> gaps = metric_samples(trial, "inter_token_ms");
    if (gaps.empty()) return std::nullopt;
    return std::accumulate(gaps.begin(), gaps.end(), 0.0) / static_cast<double>(gaps.size());
  }

 private:
  const Metric* metric_;  ///< null: inter_token_ms
};

struct BlockValue {
  std::int32_t block = 0;
  double value = 0;
  std::string_view node{};
};

// Ascending, one per block: the last one recorded.
std::vector<BlockValue> values_by_block(std::string_view metric, std::span<const TrialRecord* const> trials,
                                        std::int32_t end_block) {
  const ValueOfTrial value_of(metric);
  std::vector<BlockValue> values;
  values.reserve(trials.size());
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up() || trial->block >= end_block) continue;
    const auto value = value_of(*trial);
    if (value && *value > 0) values.push_back({trial->block, *value, trial->node});
  }
  const auto earlier = [](const BlockValue& a, const BlockValue& b) { return a.block < b.block; };
  if (!std::is_sorted(values.begin(), values.end(), earlier)) std::stable_sort(values.begin(), values.end(), earlier);
  const auto same = [](const BlockValue& a, const BlockValue& b) { return a.block == b.block; };
  values.erase(values.begin(), std::unique(values.rbegin(), values.rend(), same).base());
  return values;
}

}  // namespace

std::vector<double> trial_values(std::span<const TrialRecord* const> trials, std::string_view metric) {
  const ValueOfTrial value_of(metric);
  std::vector<double> values;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up()) continue;
    if (const auto value = value_of(*trial)) values.push_back(*value);
  }
  return values;
}

PairedValues paired_values(std::string_view metric, std::span<const TrialRecord* const> first,
                           std::span<const TrialRecord* const> second, std::int32_t end_block) {
  const auto ours = values_by_block(metric, first, end_block);
  const auto theirs = values_by_block(metric, second, end_block);
  PairedValues pairs;
  auto other = theirs.begin();
  for (const BlockValue& mine : ours) {
    while (other != theirs.end() && other->block < mine.block) ++other;
    if (other == theirs.end() || other->block != mine.block || other->node != mine.node) continue;
    pairs.first.push_back(mine.value);
    pairs.second.push_back(other->value);
  }
  return pairs;
}

std::optional<LogRatio> paired_speed(std::string_view metric, std::span<const TrialRecord* const> contender,
                                     std::span<const TrialRecord* const> baseline, std::int32_t end_block) {
  const PairedValues pairs = paired_values(metric, contender, baseline, end_block);
  if (more_is_better(metric)) return paired_log_ratio(pairs.first, pairs.second);
  return paired_log_ratio(pairs.second, pairs.first);
}

std::optional<SpeedRatio> paired_ratio(std::string_view metric, std::span<const TrialRecord* const> contender,
                                       std::span<const TrialRecord* const> baseline, std::int32_t end_block) {
  const auto speed = paired_speed(metric, contender, baseline, end_block);
  return speed ? std::optional(to_speed_ratio(*speed)) : std::nullopt;
}

}  // namespace inferbench
