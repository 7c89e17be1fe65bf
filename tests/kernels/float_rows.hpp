// SPDX-License-Identifier: Apache-2.0
//
// What the row kernels of cpu_quant compute before they quantize or round, as floats: the reference of their tests.
#pragma once

#include <cstdint>

namespace inferbench::cpu_quant {

/// layer_norm(x; weight, bias, epsilon) of m rows of k floats; strides in floats.
void layernorm_float_rows(const float* x, std::int64_t stride, std::int32_t m, std::int32_t k, const float* weight,
                          const float* bias, float epsilon, float* out, std::int64_t out_stride);

/// activation(x) (kActivation*) of m rows of k floats, in place.
void activate_float_rows(float* x, std::int64_t stride, std::int32_t m, std::int32_t k, std::int32_t activation);

}  // namespace inferbench::cpu_quant
