// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

namespace inferbench {

/// Spearman's rank correlation, -1 to 1. Equal values share the mean of their ranks. nullopt for fewer than three pairs
/// or if either side does not vary. Throws std::invalid_argument for unequal lengths.
std::optional<double> rank_correlation(std::span<const double> x, std::span<const double> y);

}  // namespace inferbench
