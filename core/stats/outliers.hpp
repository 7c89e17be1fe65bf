// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace inferbench {

/// Indices of outliers, ascending: values with a modified z-score above 3.5, that is |value - median| above 3.5 /
/// 0.6745 times the median absolute deviation (Iglewicz and Hoaglin, "How to detect and handle outliers", 1993). If
/// more than half of the values are equal, the median absolute deviation is 0; then 1.2533 times the mean absolute
/// deviation takes the place of 1 / 0.6745 times the median. Empty for fewer than five values, which are too few to
/// judge. Outliers are only marked, never left out.
std::vector<std::size_t> find_outliers(std::span<const double> values);

}  // namespace inferbench
