// SPDX-License-Identifier: Apache-2.0
//
// What the row kernels of cpu_quant compute before they quantize or round, as floats: the reference of their tests.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// The norm of m rows of k floats; strides in floats.
void norm_float_rows(const float* x, std::int64_t stride, std::int32_t m, std::int32_t k, const NormArgs& norm,
                     float* out, std::int64_t out_stride);

/// activation(x) (kActivation*) of m rows of k floats, in place.
void activate_float_rows(float* x, std::int64_t stride, std::int32_t m, std::int32_t k, std::int32_t activation);

/// activation(gate) * up of m rows of 16 gates, 16 ups, 16 gates, ... (RowKernels::from_gated), in place; k products.
void gate_float_rows(float* x, std::int64_t stride, std::int32_t m, std::int32_t k, std::int32_t activation);

}  // namespace inferbench::cpu_quant
