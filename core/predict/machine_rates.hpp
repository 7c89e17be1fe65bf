// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "measure/machine_limits.hpp"

namespace inferbench {

/// What a machine can do at most in a second.
struct MachineRates {
  double bytes_per_s = 0;
  double fp32_flops_per_s = 0;
  double int8_ops_per_s = 0;
};

/// Of the thread count nearest to `threads` (by ratio) that was measured; reading a buffer of about `bytes` (0: the
/// largest that was measured), so that what fits into a cache is read at its speed. Without limits all rates are 1e9:
/// fitted coefficients then are seconds for 1e9 bytes or operations.
MachineRates machine_rates(const MachineLimits* limits, std::int32_t threads, double bytes);

}  // namespace inferbench
