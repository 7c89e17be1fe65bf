// SPDX-License-Identifier: Apache-2.0
#include "predict/machine_rates.hpp"

#include <algorithm>
#include <cmath>

namespace inferbench {
namespace {

constexpr double kUnit = 1e9;

const ThreadLimits& nearest(const MachineLimits& limits, std::int32_t threads) {
  const auto distance = [&](const ThreadLimits& here) {
    return std::abs(std::log(static_cast<double>(here.threads) / threads));
  };
  return *std::min_element(limits.by_threads.begin(), limits.by_threads.end(),
                           [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
}

double or_unit(double rate) {
  return rate > 0 ? rate : kUnit;
}

}  // namespace

MachineRates machine_rates(const MachineLimits* limits, std::int32_t threads, double bytes) {
  if (limits == nullptr || limits->by_threads.empty()) return {kUnit, kUnit, kUnit};
  const ThreadLimits& here = nearest(*limits, threads);
  const double largest = here.read.empty() ? 0 : static_cast<double>(here.read.back().buffer_bytes);
  const auto buffer = static_cast<std::uint64_t>(bytes > 0 ? bytes : largest);
  return {or_unit(read_bandwidth_near(here, buffer)), or_unit(here.fp32_flops_per_s.best),
          or_unit(here.int8_ops_per_s.best)};
}

}  // namespace inferbench
