// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/stream.h>

#include <cstdint>

#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// Threads that MLX's OpenBLAS started when it was loaded, besides the one that calls it. They sleep until they are
/// told to compute. 0 with another BLAS, or with one on OpenMP, which starts its threads when they are needed.
std::int32_t idle_blas_threads() noexcept;

/// The most threads, the calling one included, that products on the CPU stream use from now on: contexts share that
/// stream, so each sets its own number at every entry. Has no effect on a BLAS that is not OpenBLAS.
void set_blas_threads(const mx::Stream& cpu_stream, std::int32_t n);

/// Ends the threads that OpenMP started for products on the CPU stream.
void end_blas_threads(const mx::Stream& cpu_stream);

}  // namespace inferbench::mlx_backend
