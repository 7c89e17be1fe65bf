// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace inferbench {

/// What one operation costs, from many samples. A sample is the mean of `operations_per_sample` of them, done in a row:
/// so many where one alone would be near the cost of reading the clock.
struct Cost {
  std::size_t n_samples = 0;
  int operations_per_sample = 1;
  double p50_ns = 0;
  double p95_ns = 0;
  double p99_ns = 0;
};

/// How long to measure one thing.
struct CostEffort {
  std::size_t min_samples = 200;  ///< at least 100, which p99 needs
  std::size_t max_samples = 2000;
  double seconds = 0.2;  ///< no new sample after that, once there are min_samples
};

/// Times `operations` (which does `operations_per_sample` of them) again and again, after 1/10 of min_samples unseen;
/// `between` runs untimed after each. Their exceptions come out.
Cost measure_cost(
    const CostEffort& effort, int operations_per_sample, const std::function<void()>& operations,
    const std::function<void()>& between = [] {});

}  // namespace inferbench
