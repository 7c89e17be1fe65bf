// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"

namespace inferbench {

/// One trial that a run must make. Every planned trial gets exactly one final row.
struct PlannedTrial {
  std::int32_t point = 0;      ///< index into Experiment::points
  std::int32_t contender = 0;  ///< index into Experiment::contenders
  std::int32_t block = 0;      ///< -1 for warm-up
  std::int32_t repeat = 0;     ///< warm-up index, else 0
  /// The same for all contenders of one (point, block) or (point, warm-up), else distinct. Sequence j of a batch takes
  /// prompt_stream + j, which no other trial's sequence has.
  std::uint64_t prompt_stream = 0;

  /// "p3.c1.b0", or "p3.c1.w0" for a warm-up. Stable over runs of the same experiment: what --resume matches by.
  std::string id() const;
};

/// The stream that Point::shared_prefix_tokens come from: one for the whole run, so that a prefix is the beginning of
/// every longer one.
std::uint64_t shared_prefix_stream(const Experiment& experiment);

/// The order of the contenders in one block of one point: a shuffle of 0 to n_contenders - 1, the same on every
/// platform.
std::vector<std::int32_t> block_order(std::int32_t n_contenders, std::uint64_t seed, std::int32_t point,
                                      std::int32_t block);

/// The most blocks that a point may get: measure.until may add to measure.blocks.
std::int32_t most_blocks(const MeasureSettings& measure);

/// A part of the points, for runs that are shared out: every count-th, beginning with the index-th.
struct Shard {
  std::int32_t index = 1;  ///< 1 to count
  std::int32_t count = 1;

  bool has(std::int32_t point) const { return point % count == index - 1; }
  bool whole() const { return count == 1; }
  friend bool operator==(const Shard&, const Shard&) = default;
};

/// The whole order, the same on every platform: points in sweep order (grouped so that a model and thread count are
/// loaded as seldom as possible); of each point first the warm-ups, then the blocks; in each block every contender
/// once, shuffled from measure.seed, point and block.
/// Blocks that measure.until adds are not in it: see plan_block.
std::vector<PlannedTrial> make_plan(const Experiment& experiment, const Shard& shard = {});

/// The order of the points alone, and what they consist of: every plan is made of these.
std::vector<std::int32_t> plan_points(const Experiment& experiment, const Shard& shard = {});
std::vector<PlannedTrial> plan_warmups(const Experiment& experiment, std::int32_t point);
/// Any block of the point, also one beyond measure.blocks: every contender once, in that block's own order.
std::vector<PlannedTrial> plan_block(const Experiment& experiment, std::int32_t point, std::int32_t block);

}  // namespace inferbench
