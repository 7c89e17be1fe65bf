// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/dtype.h>

#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// How a precision stores matrices and computes.
struct Format {
  mx::Dtype dtype;      ///< of activations, the KV cache, vectors, and matrices that are not quantized
  int bits = 0;         ///< of each weight of a matrix; 0: not quantized
  int group_size = 64;  ///< weights that share a scale and a bias
};

/// The format that a model's precision and options ask for. Throws Failure(IB_UNSUPPORTED).
Format read_format(const ib_model_params& params, bool is_gpu);

/// Whether elementwise operations are compiled into one kernel each.
bool read_compile(const ib_model_params& params, bool is_gpu);

}  // namespace inferbench::mlx_backend
