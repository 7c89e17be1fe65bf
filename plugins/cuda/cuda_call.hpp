// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "inferbench/backend.hpp"

namespace inferbench::cuda_backend {

/// Throws Failure for a CUDA error: IB_OUT_OF_MEMORY, IB_UNSUPPORTED where there is no usable driver or device,
/// IB_DEVICE_LOST where the error is one that the process cannot recover from, else IB_INTERNAL.
void check(cudaError_t status, const char* what);

/// The status of the launches before it. A launch with impossible parameters is only reported here.
inline void check_launch(const char* what) {
  check(cudaGetLastError(), what);
}

}  // namespace inferbench::cuda_backend
