// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// A run's trials by point and contender, as indices into RunInfo's lists. Borrows the run.
class TrialIndex {
 public:
  using Trials = std::vector<const TrialRecord*>;

  /// One pass over the trials. Leaves out trials of points or contenders that run.json does not list.
  explicit TrialIndex(const RunData& run);

  /// In the order recorded, including warm-ups.
  const Trials& at(std::size_t point, std::size_t contender) const;

 private:
  std::size_t contenders_ = 0;
  std::vector<Trials> cells_;
};

}  // namespace inferbench
