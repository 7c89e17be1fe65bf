// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace inferbench {

/// The cost of one operation, from many samples. A sample is the mean of `operations_per_sample` operations in a row;
/// more than one if a single operation would take about as long as reading the clock.
struct Cost {
  std::size_t n_samples = 0;
  int operations_per_sample = 1;
  double p50_ns = 0;
  double p95_ns = 0;
  double p99_ns = 0;
};

/// How long to measure one operation.
struct CostEffort {
  std::size_t min_samples = 200;  ///< at least 100, as needed for p99
  std::size_t max_samples = 2000;
  double seconds = 0.2;  ///< after this time no new sample starts, once there are min_samples
};

/// Times `operations` (which runs `operations_per_sample` of them) repeatedly, after a warm-up of 1/10 of min_samples.
/// `between` runs untimed after each sample. Their exceptions are passed on.
Cost measure_cost(
    const CostEffort& effort, int operations_per_sample, const std::function<void()>& operations,
    const std::function<void()>& between = [] {});

}  // namespace inferbench
