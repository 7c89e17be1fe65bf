// SPDX-License-Identifier: Apache-2.0
//
// Weights of any dtype as floats, for backends in C++20. Not included by backend.hpp.
#pragma once

#include <bit>
#include <cstddef>
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

/// out[i] = element i * stride of `data`, for i < n. The dtype is one of IB_DTYPE_*; `data` is aligned to its element.
inline void read_values(const void* data, std::int32_t dtype, std::int64_t stride, std::int64_t n, float* out) {
  if (dtype == IB_DTYPE_F32) {
    const auto* from = static_cast<const float*>(data);
    if (stride == 1) {
      std::memcpy(out, from, static_cast<std::size_t>(n) * sizeof(float));
    } else {
      for (std::int64_t i = 0; i < n; ++i) out[i] = from[i * stride];
    }
    return;
  }
  const auto* from = static_cast<const std::uint16_t*>(data);
  if (dtype == IB_DTYPE_F16) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = float_of_f16(from[i * stride]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = float_of_bf16(from[i * stride]);
  }
}

/// Where element [row, column] of a tensor lies; of a vector, element [row]. As TensorMap::get has checked it.
inline const void* element(const ib_tensor& tensor, std::int64_t row, std::int64_t column = 0) {
  const std::int64_t i = row * tensor.strides[0] + column * tensor.strides[1];
  return static_cast<const std::byte*>(tensor.data) + i * (tensor.dtype == IB_DTYPE_F32 ? 4 : 2);
}

/// out[i] = element [begin + i] of a vector, for i < n.
inline void read_vector(const ib_tensor& tensor, std::int64_t begin, std::int64_t n, float* out) {
  read_values(element(tensor, begin), tensor.dtype, tensor.strides[0], n, out);
}

/// out[i] = element [row, begin + i] of a matrix, for i < n.
inline void read_row(const ib_tensor& tensor, std::int64_t row, std::int64_t begin, std::int64_t n, float* out) {
  read_values(element(tensor, row, begin), tensor.dtype, tensor.strides[1], n, out);
}

/// out[i] = element [begin + i, column] of a matrix, for i < n. Of a matrix that is stored column by column
/// (strides[0] is 1), such as GPT-2's linear weights, this is the quick way.
inline void read_column(const ib_tensor& tensor, std::int64_t column, std::int64_t begin, std::int64_t n, float* out) {
  read_values(element(tensor, begin, column), tensor.dtype, tensor.strides[0], n, out);
}

}  // namespace inferbench
