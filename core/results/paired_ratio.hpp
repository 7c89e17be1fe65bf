// SPDX-License-Identifier: Apache-2.0
// Trials of two contenders at one point, paired by the block in which they ran.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "results/trial_record.hpp"
#include "stats/log_ratio.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

inline constexpr std::int32_t kEveryBlock = std::numeric_limits<std::int32_t>::max();

/// A metric's values in the measured trials, one per trial; for inter_token_ms, the trial's mean gap.
std::vector<double> trial_values(std::span<const TrialRecord* const> trials, std::string_view metric);

/// Values of a metric in the blocks where both contenders have a positive one. first[i] and second[i] belong to one
/// block, and to one node of a cluster.
struct PairedValues {
  std::vector<double> first;
  std::vector<double> second;
};

/// Leaves out warm-ups and the blocks from `end_block` on. Ascending by block.
PairedValues paired_values(std::string_view metric, std::span<const TrialRecord* const> first,
                           std::span<const TrialRecord* const> second, std::int32_t end_block = kEveryBlock);

/// How many times faster a contender is than the baseline, from those pairs. More than 1 is faster, for times and rates
/// alike: a time's speed is its inverse. nullopt for no pairs.
std::optional<LogRatio> paired_speed(std::string_view metric, std::span<const TrialRecord* const> contender,
                                     std::span<const TrialRecord* const> baseline,
                                     std::int32_t end_block = kEveryBlock);

/// The same as a ratio with its interval.
std::optional<SpeedRatio> paired_ratio(std::string_view metric, std::span<const TrialRecord* const> contender,
                                       std::span<const TrialRecord* const> baseline,
                                       std::int32_t end_block = kEveryBlock);

}  // namespace inferbench
