// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/backend.h"

namespace inferbench::cuda_backend {

inline constexpr const char* kKvChoices[] = {"auto", "int8", nullptr};

/// The schema of model_create's options.
inline constexpr ib_option_info kOptionSchema[] = {
    {"step_kernel", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "decode steps of a few sequences run as one persistent kernel (compute capability 9.0); else kernel by kernel"},
    {"fused_pass", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "steps of 32 to 64 sequences with 16-bit weights run as fused kernels, products of up to 256 rows convert "
     "quantized "
     "weights on the way, and attention of prompts uses warpgroups (compute capability 9.0); else kernel by kernel"},
    {"cublaslt", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "16-bit products of many rows go to cuBLASLt where its library is found; else to the backend's own kernel"},
    {"kv", IB_OPTION_CHOICE, 0, "auto", 0, 0, kKvChoices,
     "format of the KV cache; int8 has a scale per position and head, and no fused steps; auto: as the inputs of "
     "products"},
};

}  // namespace inferbench::cuda_backend
