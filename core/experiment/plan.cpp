// SPDX-License-Identifier: Apache-2.0
#include "experiment/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "experiment/planned_pairs.hpp"
#include "support/random.hpp"

namespace inferbench {
namespace {

std::uint64_t mixed(std::uint64_t seed, std::uint64_t value) {
  return SplitMix64(SplitMix64(seed).next() ^ value).next();
}

// Fisher-Yates shuffle. Not std::shuffle, whose result depends on the implementation.
std::vector<std::int32_t> shuffled(std::int32_t n, std::uint64_t seed) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  SplitMix64 random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

// Distance between the first streams of two points. A point has at most 10,000 blocks of 101 attempts and 100,000
// sequences each, so its streams never reach the next point's. Adding a block or an axis keeps the other prompts.
// Warm-ups count down from the first block.
constexpr std::uint64_t kStreamsPerPoint = std::uint64_t{1} << 40U;

std::uint64_t first_stream(const Experiment& experiment, std::int32_t point) {
  return mixed(experiment.prompts.seed, 0) + static_cast<std::uint64_t>(point) * kStreamsPerPoint;
}

const Point& point_at(const Experiment& experiment, std::int32_t point) {
  return experiment.points[static_cast<std::size_t>(point)];
}

std::int64_t sequences_at(const Experiment& experiment, const Point& point) {
  return point.scenario.empty() ? point.batch : experiment.serving.requests;
}

std::uint64_t sequences_of_trial(const Experiment& experiment, std::int32_t point) {
  return static_cast<std::uint64_t>(sequences_at(experiment, point_at(experiment, point)));
}

std::uint64_t block_stream(const Experiment& experiment, std::int32_t point, std::int32_t block, std::int32_t attempt) {
  const auto attempts = static_cast<std::uint64_t>(experiment.measure.repeat_disturbed) + 1;
  const std::uint64_t before = static_cast<std::uint64_t>(block) * attempts + static_cast<std::uint64_t>(attempt);
  return first_stream(experiment, point) + before * sequences_of_trial(experiment, point);
}

std::uint64_t recorded_warm_up_stream(const Experiment& experiment, std::int32_t point, std::int32_t repeat) {
  return first_stream(experiment, point) -
         (static_cast<std::uint64_t>(repeat) + 1) * sequences_of_trial(experiment, point);
}

std::int64_t sequences_of_block(const Experiment& experiment, const Point& point) {
  return sequences_at(experiment, point) * (experiment.measure.repeat_disturbed + 1);
}

std::int64_t sequences_of_warm_ups(const Experiment& experiment, const Point& point) {
  return sequences_at(experiment, point) * std::max(experiment.measure.warmup, 1);
}

std::vector<bool> contenders_at(const Experiment& experiment, std::int32_t point) {
  const PlannedPairs planned(experiment);
  std::vector<bool> runs(experiment.contenders.size());
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i] = planned.has(i, point_at(experiment, point));
  return runs;
}

constexpr std::uint64_t kSharedPrefixSeed = 1;  // differs from the 0 in first_stream

}  // namespace

std::uint64_t shared_prefix_stream(const Experiment& experiment) {
  return mixed(experiment.prompts.seed, kSharedPrefixSeed);
}

std::vector<std::int32_t> block_order(std::int32_t n_contenders, std::uint64_t seed, std::int32_t point,
                                      std::int32_t block) {
  return shuffled(n_contenders,
                  mixed(mixed(seed, static_cast<std::uint64_t>(point)), static_cast<std::uint64_t>(block)));
}

std::string PlannedTrial::id() const {
  if (block < 0) return fmt::format("p{}.c{}.w{}", point, contender, repeat);
  return fmt::format("p{}.c{}.b{}", point, contender, block);
}

std::int32_t most_blocks(const MeasureSettings& measure) {
  return measure.until ? std::max(measure.blocks, measure.until->max_blocks) : measure.blocks;
}

std::vector<std::int32_t> plan_points(const Experiment& experiment, const Shard& shard) {
  const std::vector<Point>& points = experiment.points;
  std::vector<std::pair<std::string, std::int32_t>> groups;  // (model, threads) by first appearance
  std::vector<std::pair<std::size_t, std::int32_t>> order;   // (group, point)
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto group = std::make_pair(points[i].model, points[i].threads);
    auto found = std::find(groups.begin(), groups.end(), group);
    if (found == groups.end()) found = groups.insert(groups.end(), group);
    const auto index = static_cast<std::int32_t>(i);
    if (shard.has(index)) order.emplace_back(static_cast<std::size_t>(found - groups.begin()), index);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::int32_t> indices;
  indices.reserve(order.size());
  for (const auto& [group, point] : order) indices.push_back(point);
  return indices;
}

std::vector<PlannedTrial> plan_warmups(const Experiment& experiment, std::int32_t point) {
  const std::vector<bool> runs = contenders_at(experiment, point);
  std::vector<PlannedTrial> plan;
  for (std::int32_t repeat = 0; repeat < experiment.measure.warmup; ++repeat) {
    const std::uint64_t stream = recorded_warm_up_stream(experiment, point, repeat);
    for (std::size_t contender = 0; contender < runs.size(); ++contender) {
      if (runs[contender]) plan.push_back({point, static_cast<std::int32_t>(contender), -1, repeat, stream});
    }
  }
  return plan;
}

std::vector<PlannedTrial> plan_block(const Experiment& experiment, std::int32_t point, std::int32_t block) {
  const std::uint64_t stream = block_stream(experiment, point, block, 0);
  const std::vector<bool> runs = contenders_at(experiment, point);
  const auto n_contenders = static_cast<std::int32_t>(runs.size());
  std::vector<PlannedTrial> plan;
  for (const std::int32_t contender : block_order(n_contenders, experiment.measure.seed, point, block)) {
    if (runs[static_cast<std::size_t>(contender)]) plan.push_back({point, contender, block, 0, stream});
  }
  return plan;
}

std::uint64_t attempt_stream(const Experiment& experiment, const PlannedTrial& trial, std::int32_t attempt) {
  return attempt == 0 ? trial.prompt_stream : block_stream(experiment, trial.point, trial.block, attempt);
}

std::uint64_t warm_up_stream(const Experiment& experiment, const PlannedTrial& trial) {
  if (trial.block < 1) return recorded_warm_up_stream(experiment, trial.point, 0);
  return block_stream(experiment, trial.point, trial.block - 1, 0);
}

PromptPlaces::PromptPlaces(const Experiment& experiment) : experiment_(&experiment) {
  for (const Point& point : experiment.points) {
    std::int64_t& places = all_[point.model];
    first_.push_back(places + sequences_of_warm_ups(experiment, point));
    places = first_.back() + sequences_of_block(experiment, point) * most_blocks(experiment.measure);
  }
}

std::int64_t PromptPlaces::place(std::int32_t point, std::uint64_t stream) const {
  // Warm-up streams precede the first block's, so the difference is negative.
  return first_.at(static_cast<std::size_t>(point)) +
         static_cast<std::int64_t>(stream - first_stream(*experiment_, point));
}

std::int64_t PromptPlaces::most_in_a_process(const Point& point) const {
  if (!experiment_->measure.fresh_processes) return all_.at(point.model);
  const std::int64_t block = sequences_of_block(*experiment_, point);
  return block + std::max(block, sequences_of_warm_ups(*experiment_, point));
}

std::vector<PlannedTrial> make_plan(const Experiment& experiment, const Shard& shard) {
  std::vector<PlannedTrial> plan;
  const auto add = [&](const std::vector<PlannedTrial>& part) { plan.insert(plan.end(), part.begin(), part.end()); };
  for (const std::int32_t point : plan_points(experiment, shard)) {
    add(plan_warmups(experiment, point));
    for (std::int32_t block = 0; block < experiment.measure.blocks; ++block) add(plan_block(experiment, point, block));
  }
  return plan;
}

}  // namespace inferbench
