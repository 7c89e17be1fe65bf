// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "measure/machine_limits.hpp"

namespace inferbench {

/// Upper limits of a machine, per second.
struct MachineRates {
  double bytes_per_s = 0;
  double fp32_flops_per_s = 0;
  double int8_ops_per_s = 0;
};

/// The rates of the measured thread count nearest to `threads` (by ratio). The bandwidth is that of a buffer of about
/// `bytes` (0: the largest measured), so that data that fit into a cache are read at the cache's speed. Without limits
/// all rates are 1e9; fitted coefficients are then seconds per 1e9 bytes or operations.
MachineRates machine_rates(const MachineLimits* limits, std::int32_t threads, double bytes);

}  // namespace inferbench
