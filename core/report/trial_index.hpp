// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "results/run_folder.hpp"
#include "stats/log_ratio.hpp"

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

/// The measured trials' values of a metric, one a trial; inter_token_ms as the trial's mean gap.
std::vector<double> trial_values(const TrialIndex::Trials& trials, std::string_view metric);

/// Values of a metric in the blocks where both have it: first[i] and second[i] belong to one block.
struct PairedValues {
  std::vector<double> first;
  std::vector<double> second;
};
PairedValues paired_values(const TrialIndex::Trials& first, const TrialIndex::Trials& second, std::string_view metric);

/// How many times faster `contender` is than `baseline` by a metric, over the blocks where both have it: a time's speed
/// is its inverse. nullopt where there is no such block.
std::optional<LogRatio> paired_speed(const TrialIndex::Trials& contender, const TrialIndex::Trials& baseline,
                                     std::string_view metric);

}  // namespace inferbench
