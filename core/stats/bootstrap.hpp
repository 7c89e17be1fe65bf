// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "stats/ratio.hpp"

namespace inferbench {

/// A statistic of the items with these indices. Indices may repeat.
using IndexStatistic = std::function<double(std::span<const std::size_t> items)>;

inline constexpr std::size_t kBootstrapResamples = 2000;

/// 95% interval of `statistic` over `n_items` items by the percentile bootstrap (Efron and Tibshirani 1993, chapter
/// 13). Each of the `resamples` resamples draws n_items items with replacement. The same arguments give the same
/// interval on every platform. nullopt for fewer than two items, or if the statistic is not finite.
std::optional<Interval> bootstrap_interval(std::size_t n_items, const IndexStatistic& statistic,
                                           std::size_t resamples = kBootstrapResamples, std::uint64_t seed = 1);

}  // namespace inferbench
