// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/backend.h"

namespace inferbench::cuda_backend {

/// The schema of model_create's options.
inline constexpr ib_option_info kOptionSchema[] = {
    {"step_kernel", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "decode steps of a few sequences run as one persistent kernel (compute capability 9.0); else kernel by kernel"},
    {"fused_pass", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "steps of 32 to 64 sequences with 16-bit weights run as fused kernels (compute capability 9.0); else kernel by "
     "kernel"},
    {"cublaslt", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "16-bit products of many rows go to cuBLASLt where its library is found; else to the backend's own kernel"},
};

}  // namespace inferbench::cuda_backend
