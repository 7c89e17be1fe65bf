// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/dtype.h>

#include <string_view>

#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// How a precision stores matrices and computes.
struct Format {
  mx::Dtype dtype;            ///< of activations, the KV cache, vectors, and matrices that are not quantized
  int bits = 0;               ///< of each weight of a matrix; 0: not quantized
  int group_size = 64;        ///< weights that share a scale and a bias
  bool is_of_folder = false;  ///< `dtype` is that of the folder's scales
};

/// The precision that takes a folder's quantized matrices as they are.
inline constexpr const char* kOfTheFolder = "mlx";

/// The format that a precision and its options ask for. Throws Failure(IB_UNSUPPORTED).
Format read_format(std::string_view precision, const OptionReader& options, bool is_gpu);

/// Whether elementwise operations are compiled into one kernel each.
bool read_compile(const OptionReader& options, bool is_gpu);

}  // namespace inferbench::mlx_backend
