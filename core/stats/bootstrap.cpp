// SPDX-License-Identifier: Apache-2.0
#include "stats/bootstrap.hpp"

#include <cmath>
#include <random>
#include <vector>

#include "stats/summary.hpp"

namespace inferbench {

std::optional<Interval> bootstrap_interval(std::size_t n_items, const IndexStatistic& statistic, std::size_t resamples,
                                           std::uint64_t seed) {
  if (n_items < 2) return std::nullopt;
  std::mt19937_64 random(seed);
  std::vector<std::size_t> drawn(n_items);
  std::vector<double> values(resamples);
  for (double& value : values) {
    // Maps 32 random bits to the items. The results of std's distributions differ between platforms.
    for (std::size_t& item : drawn) item = static_cast<std::size_t>(((random() >> 32U) * n_items) >> 32U);
    value = statistic(drawn);
    if (!std::isfinite(value)) return std::nullopt;
  }
  const auto low = percentile(values, 0.025);
  const auto high = percentile(values, 0.975);
  if (!low || !high) return std::nullopt;
  return Interval{*low, *high};
}

}  // namespace inferbench
