// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "results/trial_record.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// How many times faster a contender is than the baseline, from the trials of the two at one point: pairs are the
/// blocks in which both have the metric, warm-ups and blocks from `end_block` on left out. More than 1 is faster, for
/// times and rates alike. nullopt for no pairs.
std::optional<SpeedRatio> paired_ratio(std::string_view metric, std::span<const TrialRecord* const> contender,
                                       std::span<const TrialRecord* const> baseline,
                                       std::int32_t end_block = std::numeric_limits<std::int32_t>::max());

}  // namespace inferbench
