// SPDX-License-Identifier: Apache-2.0
#include "report/trial_index.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "results/metric_values.hpp"

namespace inferbench {

namespace {

using PointKey = std::tuple<std::string_view, std::int32_t, std::int32_t, std::int32_t, std::int32_t>;

PointKey key_of(const Point& point) {
  return {point.model, point.prompt_tokens, point.generate_tokens, point.batch, point.threads};
}

// One number for a trial.
std::optional<double> value_of(const TrialRecord& trial, std::string_view metric) {
  if (metric != "inter_token_ms") return metric_value(trial, metric);
  const std::vector<double> gaps = metric_samples(trial, metric);
  if (gaps.empty()) return std::nullopt;
  return std::accumulate(gaps.begin(), gaps.end(), 0.0) / static_cast<double>(gaps.size());
}

std::map<std::int32_t, double> values_by_block(const TrialIndex::Trials& trials, std::string_view metric) {
  std::map<std::int32_t, double> values;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up()) continue;
    const auto value = value_of(*trial, metric);
    if (value && *value > 0) values.insert_or_assign(trial->block, *value);
  }
  return values;
}

}  // namespace

TrialIndex::TrialIndex(const RunData& run) : contenders_(run.info.contenders.size()) {
  cells_.resize(contenders_ * run.info.points.size());
  std::map<PointKey, std::size_t> points;
  for (std::size_t i = 0; i < run.info.points.size(); ++i) points.emplace(key_of(run.info.points[i]), i);
  std::unordered_map<std::string_view, std::size_t> contenders;
  for (std::size_t i = 0; i < contenders_; ++i) contenders.emplace(run.info.contenders[i].name, i);
  for (const TrialRecord& trial : run.trials) {
    const auto point = points.find(key_of(trial.point));
    const auto contender = contenders.find(trial.contender);
    if (point == points.end() || contender == contenders.end()) continue;
    cells_[point->second * contenders_ + contender->second].push_back(&trial);
  }
}

const TrialIndex::Trials& TrialIndex::at(std::size_t point, std::size_t contender) const {
  return cells_.at(point * contenders_ + contender);
}

std::vector<double> trial_values(const TrialIndex::Trials& trials, std::string_view metric) {
  std::vector<double> values;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up()) continue;
    if (const auto value = value_of(*trial, metric)) values.push_back(*value);
  }
  return values;
}

PairedValues paired_values(const TrialIndex::Trials& first, const TrialIndex::Trials& second, std::string_view metric) {
  const auto ours = values_by_block(first, metric);
  const auto theirs = values_by_block(second, metric);
  PairedValues pairs;
  for (const auto& [block, value] : ours) {
    const auto other = theirs.find(block);
    if (other == theirs.end()) continue;
    pairs.first.push_back(value);
    pairs.second.push_back(other->second);
  }
  return pairs;
}

std::optional<LogRatio> paired_speed(const TrialIndex::Trials& contender, const TrialIndex::Trials& baseline,
                                     std::string_view metric) {
  const PairedValues pairs = paired_values(contender, baseline, metric);
  if (more_is_better(metric)) return paired_log_ratio(pairs.first, pairs.second);
  return paired_log_ratio(pairs.second, pairs.first);
}

}  // namespace inferbench
