// SPDX-License-Identifier: Apache-2.0
#include "stats/outliers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace inferbench {

namespace {

constexpr std::size_t kFewest = 5;
constexpr double kLimit = 3.5;
constexpr double kMedianDeviationToSd = 1 / 0.6745;  // for a normal distribution
constexpr double kMeanDeviationToSd = 1.253314;      // sqrt(pi / 2), likewise

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

std::vector<std::size_t> find_outliers(std::span<const double> values) {
  std::vector<std::size_t> found;
  if (values.size() < kFewest) return found;
  const double median = median_of({values.begin(), values.end()});
  std::vector<double> deviations;
  deviations.reserve(values.size());
  for (const double value : values) deviations.push_back(std::abs(value - median));
  double sd = kMedianDeviationToSd * median_of(deviations);
  if (sd <= 0) {
    const double sum = std::accumulate(deviations.begin(), deviations.end(), 0.0);
    sd = kMeanDeviationToSd * sum / static_cast<double>(deviations.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (deviations[i] > kLimit * sd) found.push_back(i);
  }
  return found;
}

}  // namespace inferbench
