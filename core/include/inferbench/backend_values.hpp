// SPDX-License-Identifier: Apache-2.0
//
// Weights of any dtype as floats, for backends in C++20. Not included by backend.hpp.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "inferbench/backend.h"

namespace inferbench {

/// bfloat16 is the upper half of a binary32.
inline float float_of_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

/// IEEE 754 binary16. Shifted into place, the exponent is too small by 112, which multiplying by 2^112 corrects, for
/// subnormals too (it is exact); infinities and NaN then still lack the rest of their exponent.
inline float float_of_f16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16U;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffU) << 13U;
  const auto finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  const std::uint32_t special = magnitude | 0x7f800000U;
  return std::bit_cast<float>(sign | ((bits & 0x7c00U) == 0x7c00U ? special : finite));
}

/// out[i] = element begin + i of `data`, for i < n. The dtype is one of IB_DTYPE_*; `data` is aligned to its element.
inline void read_values(const void* data, std::int32_t dtype, std::int64_t begin, std::int64_t n, float* out) {
  if (dtype == IB_DTYPE_F32) {
    std::memcpy(out, static_cast<const float*>(data) + begin, static_cast<std::size_t>(n) * sizeof(float));
    return;
  }
  const auto* from = static_cast<const std::uint16_t*>(data) + begin;
  if (dtype == IB_DTYPE_F16) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = float_of_f16(from[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = float_of_bf16(from[i]);
  }
}

/// The same of a tensor, whose dtype and alignment are as TensorMap::get has checked.
inline void read_values(const ib_tensor& tensor, std::int64_t begin, std::int64_t n, float* out) {
  read_values(tensor.data, tensor.dtype, begin, n, out);
}

}  // namespace inferbench
