// SPDX-License-Identifier: Apache-2.0
#include "results/paired_ratio.hpp"

#include <map>
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

std::map<std::int32_t, double> values_by_block(std::string_view metric, std::span<const TrialRecord* const> trials,
                                               std::int32_t end_block) {
  const ValueOfTrial value_of(metric);
  std::map<std::int32_t, double> values;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up() || trial->block >= end_block) continue;
    const auto value = value_of(*trial);
    if (value && *value > 0) values.insert_or_assign(values.end(), trial->block, *value);
  }
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
  for (const auto& [block, value] : ours) {
    const auto other = theirs.find(block);
    if (other == theirs.end()) continue;
    pairs.first.push_back(value);
    pairs.second.push_back(other->second);
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
