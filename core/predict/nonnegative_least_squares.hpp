// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace inferbench {

/// The x >= 0 that minimizes |A x - b|, by Lawson and Hanson's active set method (Solving Least Squares Problems, 1974,
/// chapter 23). `rows`: A, all rows of one length; `b` has as many values as there are rows. If columns are linearly
/// dependent, the result is one of the solutions with the least error. Throws std::invalid_argument for other shapes or
/// no rows.
std::vector<double> nonnegative_least_squares(const std::vector<std::vector<double>>& rows,
                                              const std::vector<double>& b);

}  // namespace inferbench
