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

/// The whole order, the same on every platform: points in sweep order (grouped so that a model and thread count are
/// loaded as seldom as possible); of each point first the warm-ups, then the blocks; in each block every contender
/// once, shuffled from measure.seed, point and block.
std::vector<PlannedTrial> make_plan(const Experiment& experiment);

}  // namespace inferbench
