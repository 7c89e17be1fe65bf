// SPDX-License-Identifier: Apache-2.0
//
// What the matrix product files share: the parts of a quantized row, fetching weights ahead.
#pragma once

#include "kernels.h"
#include "parts.h"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of kernel files only

// The parts of quantized row m, to read.
struct Activations {
  const int8_t* q;
  const int16_t* half;
  const float* scale;
  const int32_t* offset;
};

inline Activations activations_at(const MatmulArgs& args, int32_t m) {
  const uint8_t* row = args.rows + m * quantized_row_bytes(args.k);
  return {reinterpret_cast<const int8_t*>(row), reinterpret_cast<const int16_t*>(row + row_half_offset(args.k)),
          reinterpret_cast<const float*>(row + row_scale_offset(args.k)),
          reinterpret_cast<const int32_t*>(row + row_sum_offset(args.k))};
}

// Four 8-bit or two 16-bit numbers as the bits of an int32.
inline int32_t four_bytes(const void* p) {
  int32_t r = 0;
  __builtin_memcpy(&r, p, sizeof(r));
  return r;
}

inline float float_at(const void* p) {
  float r = 0.0F;
  __builtin_memcpy(&r, p, sizeof(r));
  return r;
}

// Prefetches ahead of a line of weights.
template <FetchAhead kAhead>
inline void fetch_ahead_of(const uint8_t* line) {
  if (kAhead == FetchAhead::IntoL1) __builtin_prefetch(line + 8192, 0, 3);
  if (kAhead == FetchAhead::IntoL2) __builtin_prefetch(line + 16384, 0, 2);
}

// Gemv<ahead>::multiply, an entry of the table.
template <template <FetchAhead> class Gemv>
auto gemv_that_fetches(FetchAhead ahead) {
  switch (ahead) {
    case FetchAhead::IntoL1:
      return &Gemv<FetchAhead::IntoL1>::multiply;
    case FetchAhead::IntoL2:
      return &Gemv<FetchAhead::IntoL2>::multiply;
    default:
      return &Gemv<FetchAhead::Nowhere>::multiply;
  }
}

// An array bound.
constexpr uint64_t count(int n) {
  return static_cast<uint64_t>(n);
}

}  // namespace
