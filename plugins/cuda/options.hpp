// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/backend.h"

namespace inferbench::cuda_backend {

struct Options {
  bool step_kernel = true;  ///< decode steps of few sequences run as one persistent kernel
  bool fused_pass = true;   ///< steps of 32 to 64 sequences run as few kernels that stream the weights
  bool blas = true;         ///< products of many rows go to cuBLASLt where it is found
  bool int8_cache = false;  ///< keys and values are kept in 8 bits
};

/// Throws Failure(IB_INVALID_ARGUMENT).
Options read_options(const ib_model_params& params);

}  // namespace inferbench::cuda_backend
