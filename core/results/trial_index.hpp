// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// A run's trials by point and contender, both by their place in RunInfo. Borrows the run.
class TrialIndex {
 public:
  using Trials = std::vector<const TrialRecord*>;

  /// Trials of points or contenders that run.json does not list are left out. One pass over the trials.
  explicit TrialIndex(const RunData& run);

  /// In the order recorded; warm-ups too.
  const Trials& at(std::size_t point, std::size_t contender) const;

 private:
  std::size_t contenders_ = 0;
  std::vector<Trials> cells_;
};

}  // namespace inferbench
