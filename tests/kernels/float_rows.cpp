// SPDX-License-Identifier: Apache-2.0
#include "float_rows.hpp"

#include "kernels/vec_generic.h"
// The order matters: row_values.h is written over the Vec above.
#include "kernels/row_values.h"

namespace inferbench::cpu_quant {

void norm_float_rows(const float* x, std::int64_t stride, std::int32_t m, std::int32_t k, const NormArgs& norm,
                     float* out, std::int64_t out_stride) {
  for (std::int32_t r = 0; r < m; ++r) {
    const float* row = x + r * stride;
    normalize(row, k, norm_of(row, k, norm), norm.weight, norm.bias, out + r * out_stride);
  }
}

void activate_float_rows(float* x, std::int64_t stride, std::int32_t m, std::int32_t k, std::int32_t activation) {
  activate_rows(x, stride, m, k, activation);
}

void gate_float_rows(float* x, std::int64_t stride, std::int32_t m, std::int32_t k, std::int32_t activation) {
  gate_rows(x, stride, m, 0, k, activation);
}

}  // namespace inferbench::cpu_quant
