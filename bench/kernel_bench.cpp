// SPDX-License-Identifier: Apache-2.0
#include "kernel_bench.hpp"

#include <algorithm>
#include <cmath>

namespace inferbench::bench {

void in_rounds(benchmark::internal::Benchmark* b) {
  b->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(15);
}

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

std::vector<float> wave(std::int64_t n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.7F) * 2.0F;
  return x;
}

double seconds_of(Team& team, const std::function<void(int)>& work) {
  double total = 0.0;
  int calls = 0;
  for (; total < 2e-3; ++calls) total += team.run(work);
  return total / calls;
}

}  // namespace inferbench::bench
