// SPDX-License-Identifier: Apache-2.0
#include "results/paired_ratio.hpp"

#include <map>
#include <vector>

#include "results/metric_values.hpp"

namespace inferbench {

namespace {

// A time's speed is its inverse.
std::optional<double> speed_of(const TrialRecord& trial, std::string_view metric) {
  const auto value = metric_value(trial, metric);
  if (!value || !(*value > 0)) return std::nullopt;
  return more_is_better(metric) ? *value : 1 / *value;
}

}  // namespace

std::optional<SpeedRatio> paired_ratio(std::string_view metric, std::span<const TrialRecord* const> contender,
                                       std::span<const TrialRecord* const> baseline, std::int32_t end_block) {
  std::map<std::int32_t, double> baseline_speed;  // by block
  for (const TrialRecord* trial : baseline) {
    if (trial->warm_up() || trial->block >= end_block) continue;
    if (const auto speed = speed_of(*trial, metric)) baseline_speed.emplace(trial->block, *speed);
  }
  std::vector<double> ours;
  std::vector<double> theirs;
  for (const TrialRecord* trial : contender) {
    const auto pair = baseline_speed.find(trial->block);
    if (trial->warm_up() || pair == baseline_speed.end()) continue;
    const auto speed = speed_of(*trial, metric);
    if (!speed) continue;
    ours.push_back(*speed);
    theirs.push_back(pair->second);
  }
  return paired_speed_ratio(ours, theirs);
}

}  // namespace inferbench
