// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "measure/machine_limits.hpp"
#include "predict/samples.hpp"

namespace inferbench {

/// The limits of the setting's device, or of the measured thread count nearest to `threads` (by ratio). The bandwidth
/// is that of a buffer of about `bytes` (0: the largest measured), so that data that fit into a cache are read at the
/// cache's speed. What is not known is 1e9; fitted coefficients are then seconds per 1e9 bytes or operations.
WorkLimits machine_rates(const Setting& setting, std::int32_t threads, double bytes);

}  // namespace inferbench
