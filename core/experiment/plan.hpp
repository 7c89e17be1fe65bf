// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"

namespace inferbench {

/// The rule by which a prompt stream becomes token ids (PromptSource) and trials get their streams. 1: the same prompt
/// for the warm-up of a process and all attempts at a block; 2: no prompt twice in a process.
inline constexpr std::int32_t kPromptRule = 2;

/// One trial that a run must make. Every planned trial gets exactly one final row.
struct PlannedTrial {
  std::int32_t point = 0;      ///< index into Experiment::points
  std::int32_t contender = 0;  ///< index into Experiment::contenders
  std::int32_t block = 0;      ///< -1 for warm-up
  std::int32_t repeat = 0;     ///< warm-up index, else 0
  /// The same for all contenders of one attempt at a (point, block), or of one (point, warm-up), else distinct.
  /// Sequence j of a batch takes prompt_stream + j, which no other trial's sequence has.
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

/// The prompt stream of a later attempt (from 1; 0: the planned one) at a block's trial: a prompt that the process has
/// not seen.
std::uint64_t attempt_stream(const Experiment& experiment, const PlannedTrial& trial, std::int32_t attempt);

/// What a process that is new at a block's trial runs before it: the prompt of the block before, or of the first
/// warm-up. Other processes measured it, never this one, and every block's own prompts are still new to the process.
std::uint64_t warm_up_stream(const Experiment& experiment, const PlannedTrial& trial);

/// Numbers the prompts of a model, so that prompts can be made distinct by construction: each sequence of each point
/// that runs the model has a place, and those of one point, block after block, follow each other.
class PromptPlaces {
 public:
  explicit PromptPlaces(const Experiment& experiment);

  /// Of the sequence with prompt stream `stream` at `point`.
  std::int64_t place(std::int32_t point, std::uint64_t stream) const;

  /// Neighbouring places that one process may run at the point, at most: those of two blocks with all of their
  /// attempts; where processes are kept, those of all blocks of all points of the model.
  std::int64_t most_in_a_process(const Point& point) const;

 private:
  const Experiment* experiment_;             ///< outlives this
  std::vector<std::int64_t> first_;          ///< of each point: the place of its first block's first sequence
  std::map<std::string, std::int64_t> all_;  ///< places of each model
};

}  // namespace inferbench
