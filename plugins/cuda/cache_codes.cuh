// SPDX-License-Identifier: Apache-2.0
//
// Keys and values in 8 bits, with a scale for each head and position: see head_code in formats.hpp.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernel_math.cuh"

namespace inferbench::cuda_backend {

/// Whether elements of a cache are codes, not values.
template <typename Cached>
constexpr bool kIsCode = std::is_same_v<Cached, std::int8_t>;

/// 8 codes as floats. A byte with its top bit turned is the code plus 128; as the last bits of 2^23 it adds that.
__device__ __forceinline__ void unpack_codes(uint2 bits, float (&to)[8]) {
  const std::uint32_t words[2] = {bits.x ^ 0x80808080U, bits.y ^ 0x80808080U};
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const std::uint32_t shifted = __byte_perm(words[i / 4], 0x4b000000U, 0x7440U + static_cast<unsigned>(i % 4));
    to[i] = __uint_as_float(shifted) - 8388736.0F;
  }
}

/// Finds the scale of a head that is spread over a warp.
class HeadMagnitude {
 public:
  /// By bits, so that NaN is the greatest.
  __device__ __forceinline__ void add(float value) { most_ = max(most_, __float_as_uint(fabsf(value))); }
  /// All lanes call it.
  __device__ __forceinline__ float scale() const {
    return head_scale(__uint_as_float(__reduce_max_sync(kAllLanes, most_)));
  }

 private:
  std::uint32_t most_ = 0;
};

}  // namespace inferbench::cuda_backend
