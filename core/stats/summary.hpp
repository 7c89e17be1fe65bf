// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "stats/interval.hpp"

namespace inferbench {

/// Summary statistics of a sample. A percentile is absent if the sample is too small for it.
struct Summary {
  std::size_t n = 0;
  double mean = 0;
  double median = 0;
  double min = 0;
  double max = 0;
  std::optional<double> sd;  ///< divides by n - 1; n >= 2
  std::optional<double> p50;
  std::optional<double> p90;
  std::optional<double> p95;
  std::optional<double> p99;
  std::optional<Interval> mean_interval;  ///< 95%, by Student's t; n >= 2
  std::size_t outliers = 0;               ///< see find_outliers; included in all of the above
};

/// Summary of the values, in any order; nullopt for no values. Every value must be finite.
std::optional<Summary> summarize(std::span<const double> values);

/// nullopt for no values.
std::optional<double> median(std::span<const double> values);

/// The p-th quantile, 0 < p < 1, by linear interpolation between order statistics (Hyndman and Fan 1996, type 7: the
/// default of R and NumPy). nullopt for fewer than 1 / (1 - p) values.
std::optional<double> percentile(std::span<const double> values, double p);

/// The same for values that are already sorted, ascending.
std::optional<double> percentile_of_sorted(std::span<const double> sorted, double p);

}  // namespace inferbench
