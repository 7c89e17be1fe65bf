// SPDX-License-Identifier: Apache-2.0
#include "ipc/cost.hpp"

#include <vector>

#include "measure/clock.hpp"
#include "stats/summary.hpp"

namespace inferbench {

Cost measure_cost(const CostEffort& effort, int operations_per_sample, const std::function<void()>& operations,
                  const std::function<void()>& between) {
  for (std::size_t i = 0; i < effort.min_samples / 10; ++i) {
    operations();
    between();
  }
  std::vector<double> samples;
  samples.reserve(effort.max_samples);
  const std::uint64_t end_of_time = now_ns() + static_cast<std::uint64_t>(effort.seconds * 1e9);
  while (samples.size() < effort.max_samples && (samples.size() < effort.min_samples || now_ns() < end_of_time)) {
    const std::uint64_t begin = now_ns();
    operations();
    const std::uint64_t end = now_ns();
    samples.push_back(static_cast<double>(end - begin) / operations_per_sample);
    between();
  }
  Cost cost;
  cost.n_samples = samples.size();
  cost.operations_per_sample = operations_per_sample;
  cost.p50_ns = percentile(samples, 0.50).value();
  cost.p95_ns = percentile(samples, 0.95).value();
  cost.p99_ns = percentile(samples, 0.99).value();
  return cost;
}

}  // namespace inferbench
