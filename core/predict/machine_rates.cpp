// SPDX-License-Identifier: Apache-2.0
#include "predict/machine_rates.hpp"

#include <algorithm>
#include <cmath>

namespace inferbench {
namespace {

constexpr double kUnit = 1e9;

const ThreadLimits& nearest_limits(const MachineLimits& limits, std::int32_t threads) {
  const auto distance = [&](const ThreadLimits& here) {
    return std::abs(std::log(static_cast<double>(here.threads) / threads));
  };
  return *std::min_element(limits.by_threads.begin(), limits.by_threads.end(),
                           [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
}

double or_unit(double rate) {
  return rate > 0 ? rate : kUnit;
}

std::uint64_t buffer_of(const std::vector<ReadBandwidth>& read, double bytes) {
  if (bytes > 0) return static_cast<std::uint64_t>(bytes);
  return read.empty() ? 0 : read.back().buffer_bytes;
}

template <typename Limits>
WorkLimits rates_of(const Limits& limits, const Setting& setting, double bytes) {
  const WorkLimits most = work_limits(limits, buffer_of(limits.read, bytes), setting.precision);
  return {or_unit(most.bytes), or_unit(most.products), or_unit(most.fp32)};
}

}  // namespace

WorkLimits machine_rates(const Setting& setting, std::int32_t threads, double bytes) {
  if (!setting.knows_limits()) return {kUnit, kUnit, kUnit};
  if (!setting.device.empty()) return rates_of(*setting.limits->find(setting.device), setting, bytes);
  if (setting.limits->by_threads.empty()) return {kUnit, kUnit, kUnit};
  return rates_of(nearest_limits(*setting.limits, threads), setting, bytes);
}

}  // namespace inferbench
