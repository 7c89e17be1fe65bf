// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"

namespace inferbench {

/// Version of the rule that assigns prompt streams to trials and turns streams into token ids (PromptSource). 1: the
/// warm-up of a process and all attempts at a block share one prompt; 2: no prompt occurs twice in a process.
inline constexpr std::int32_t kPromptRule = 2;

/// One trial of a run. Every planned trial gets exactly one final row.
struct PlannedTrial {
  std::int32_t point = 0;      ///< index into Experiment::points
  std::int32_t contender = 0;  ///< index into Experiment::contenders
  std::int32_t block = 0;      ///< -1 for warm-up
  std::int32_t repeat = 0;     ///< warm-up index, else 0
  /// The same for all contenders of one attempt at a (point, block) or of one (point, warm-up); otherwise distinct.
  /// Sequence j of a batch uses prompt_stream + j, which no sequence of another trial uses.
  std::uint64_t prompt_stream = 0;

  /// "p3.c1.b0", or "p3.c1.w0" for a warm-up. The same in every run of an experiment, so that --resume can match
  /// trials.
  std::string id() const;
};

/// The stream of the tokens of Point::shared_prefix_tokens. The entire run has one, so that a shorter prefix is the
/// beginning of every longer one.
std::uint64_t shared_prefix_stream(const Experiment& experiment);

/// The order of the contenders in one block of one point: a permutation of 0 to n_contenders - 1, the same on every
/// platform.
std::vector<std::int32_t> block_order(std::int32_t n_contenders, std::uint64_t seed, std::int32_t point,
                                      std::int32_t block);

/// The largest number of blocks that a point may get: measure.until may add to measure.blocks.
std::int32_t most_blocks(const MeasureSettings& measure);

/// A part of the points, for runs that are split up: every count-th point, starting with the index-th.
struct Shard {
  std::int32_t index = 1;  ///< 1 to count
  std::int32_t count = 1;

  bool has(std::int32_t point) const { return point % count == index - 1; }
  bool whole() const { return count == 1; }
  friend bool operator==(const Shard&, const Shard&) = default;
};

/// The complete order of the trials, the same on every platform. Points are in sweep order, grouped so that each model
/// and thread count is loaded as rarely as possible. Each point has first the warm-ups, then the blocks. Each block has
/// every contender of the point (PlannedPairs) once, shuffled by measure.seed, point and block. Blocks that
/// measure.until adds are not included: see plan_block.
std::vector<PlannedTrial> make_plan(const Experiment& experiment, const Shard& shard = {});

/// The parts of every plan: the order of the points, and the trials of a point.
std::vector<std::int32_t> plan_points(const Experiment& experiment, const Shard& shard = {});
std::vector<PlannedTrial> plan_warmups(const Experiment& experiment, std::int32_t point);
/// Any block of the point, including blocks beyond measure.blocks: every contender of the point once, in the order of
/// that block.
std::vector<PlannedTrial> plan_block(const Experiment& experiment, std::int32_t point, std::int32_t block);

/// The prompt stream of an attempt at a block's trial: a prompt that the process has not seen. Attempt 0 is the planned
/// one.
std::uint64_t attempt_stream(const Experiment& experiment, const PlannedTrial& trial, std::int32_t attempt);

/// The prompt stream that a new process runs before its first block's trial: the prompt of the previous block, or of
/// the first warm-up. Only other processes measured that prompt, so every block's own prompts are still new to this
/// process.
std::uint64_t warm_up_stream(const Experiment& experiment, const PlannedTrial& trial);

/// Numbers the prompts of a model, so that prompts can be distinct by construction. Each sequence of each point of the
/// model has a place. The places of one point are consecutive, block after block.
class PromptPlaces {
 public:
  explicit PromptPlaces(const Experiment& experiment);

  /// The place of the sequence with prompt stream `stream` at `point`.
  std::int64_t place(std::int32_t point, std::uint64_t stream) const;

  /// Upper bound of the consecutive places that one process may run at the point: those of two blocks with all of their
  /// attempts. If processes are kept, those of all blocks of all points of the model.
  std::int64_t most_in_a_process(const Point& point) const;

 private:
  const Experiment* experiment_;             ///< must outlive this object
  std::vector<std::int64_t> first_;          ///< per point: the place of the first sequence of its first block
  std::map<std::string, std::int64_t> all_;  ///< number of places per model
};

}  // namespace inferbench
