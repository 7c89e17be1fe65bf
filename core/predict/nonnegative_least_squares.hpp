// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace inferbench {

/// The x >= 0 that minimises |A x - b|, by Lawson and Hanson's active set (Solving Least Squares Problems, 1974,
/// chapter 23). `rows`: A, all rows of one length; `b` as long as `rows`. Columns may depend on each other: then some
/// solution of least error. Throws std::invalid_argument for other shapes or no row.
std::vector<double> nonnegative_least_squares(const std::vector<std::vector<double>>& rows,
                                              const std::vector<double>& b);

}  // namespace inferbench
