// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace inferbench {

/// Where values stand that are far from the others: modified z-score above 3.5, that is |value - median| above 3.5 /
/// 0.6745 times the median absolute deviation (Iglewicz and Hoaglin, "How to detect and handle outliers", 1993). Where
/// more than half of the values are equal, so that this deviation is 0, the mean absolute deviation times 1.2533 stands
/// for 1 / 0.6745 of it. Ascending; empty below five values, which tell nothing of each other. They are for marking:
/// nothing is ever left out because of them.
std::vector<std::size_t> find_outliers(std::span<const double> values);

}  // namespace inferbench
