// SPDX-License-Identifier: Apache-2.0
//
// Rows of bf16, for products of many rows on AMX.
#include "vec_avx512.h"
// The order matters: row_values.h is written over the Vec above.
#include "parts.h"
#include "row_values.h"

namespace {

inline uint16_t* values_at(uint8_t* rows, int32_t k, int32_t m) {
  return reinterpret_cast<uint16_t*>(rows + m * bf16_row_bytes(k));
}

// n values, and zeros up to a multiple of 64.
template <class Kind>
void store_bf16(const float* x, int32_t n, const Kind& kind, uint16_t* out) {
  for (int32_t i = 0; i < padded_inputs(n); i += 16) {
    const __m256bh rounded = _mm512_cvtneps_pbh(value_at(x, i, n, kind).v);
    __builtin_memcpy(out + i, &rounded, sizeof(rounded));
  }
}

void round_rows(const float* x, int64_t stride, int32_t m, RowPart part, uint8_t* rows) {
  for (int32_t r = 0; r < m; ++r) store_bf16(x + r * stride, part.n, Signed{}, values_at(rows, part.k, r) + part.first);
}

void norm_round_rows(const float* x, int64_t stride, int32_t m, int32_t k, const NormArgs* norm, uint8_t* rows) {
  for (int32_t r = 0; r < m; ++r) {
    normalize_by_chunks(x + r * stride, k, *norm, [&](const float* chunk, int32_t first, int32_t n) {
      store_bf16(chunk, n, Signed{}, values_at(rows, k, r) + first);
    });
  }
}

void activate_round_rows(float* x, int64_t stride, int32_t m, RowPart part, int32_t activation, int32_t unsigned_rows,
                         uint8_t* rows) {
  const Unsigned shifted = {Vec::set(activation == kActivationRelu ? kReluShift : kGeluShift)};
  for (int32_t r = 0; r < m; ++r) {
    float* row = x + r * stride;
    uint16_t* out = values_at(rows, part.k, r) + part.first;
    activate_rows(row, stride, 1, part.n, activation);
    if (unsigned_rows != 0) {
      store_bf16(row, part.n, shifted, out);
    } else {
      store_bf16(row, part.n, Signed{}, out);
    }
  }
}

void gate_round_rows(float* x, int64_t stride, int32_t m, RowPart part, int32_t activation, uint8_t* rows) {
  gate_rows(x, stride, m, 0, part.n, activation);
  for (int32_t r = 0; r < m; ++r) store_bf16(x + r * stride, part.n, Signed{}, values_at(rows, part.k, r) + part.first);
}

}  // namespace

namespace inferbench::cpu_quant {

void add_rows_amx(KernelTable* table) {
  table->gemm_rows = {RowFormat::Bf16, round_rows, norm_round_rows, activate_round_rows, gate_round_rows};
}

}  // namespace inferbench::cpu_quant
