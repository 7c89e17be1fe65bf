// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/device_list.hpp"

namespace inferbench::cuda_backend {

/// Adds the GPUs that the CUDA runtime sees, for the ABI's `devices`. Starts the driver.
void ask_runtime(DeviceAnswer& answer);

}  // namespace inferbench::cuda_backend
