// SPDX-License-Identifier: Apache-2.0
//
// What the matrix product files share: the parts of a quantized row.
#pragma once

#include "kernels.h"

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

// An array bound.
constexpr uint64_t count(int n) {
  return static_cast<uint64_t>(n);
}

}  // namespace
