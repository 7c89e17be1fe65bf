// SPDX-License-Identifier: Apache-2.0
//
// Quantized weights as bfloat16: the scale times the code, rounded once. See formats.hpp.
#pragma once

#include "kernel_math.cuh"

namespace inferbench::cuda_backend {

/// 8 codes of int8. A byte with its top bit turned is the code plus 128; as the lowest whole bits of 2^15 it adds that.
__device__ __forceinline__ uint4 values_of_int8(std::uint32_t low, std::uint32_t high, float scale) {
  const float shift = -32896.0F * scale;  // 2^15 + 128; exact, like the sum before it is rounded to bfloat16
  const std::uint32_t words[2] = {low ^ 0x80808080U, high ^ 0x80808080U};
  float values[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const std::uint32_t bits = __byte_perm(words[i / 4], 0x47000000U, 0x7604U + 0x10U * static_cast<unsigned>(i % 4));
    values[i] = fmaf(__uint_as_float(bits), scale, shift);
  }
  return make_uint4(pair_of<__nv_bfloat16>(values[0], values[1]), pair_of<__nv_bfloat16>(values[2], values[3]),
                    pair_of<__nv_bfloat16>(values[4], values[5]), pair_of<__nv_bfloat16>(values[6], values[7]));
}

/// 8 codes of int4. As the lowest bits of 128 in bfloat16 they add themselves; they are 8 more than what they mean.
__device__ __forceinline__ uint4 values_of_int4(std::uint32_t word, float scale) {
  const std::uint32_t low = word & 0x0f0f0f0fU;
  const std::uint32_t high = word >> 4U & 0x0f0f0f0fU;
  const __nv_bfloat162 factor = __float2bfloat162_rn(scale);
  const auto pair = [&](std::uint32_t bytes, unsigned selector) {
    const std::uint32_t bits = __byte_perm(bytes, 0x43U, selector);
    __nv_bfloat162 values;
    memcpy(&values, &bits, sizeof values);
    values = __hmul2(__hadd2(values, __float2bfloat162_rn(-136.0F)), factor);
    std::uint32_t result = 0;
    memcpy(&result, &values, sizeof result);
    return result;
  };
  return make_uint4(pair(low, 0x4140U), pair(low, 0x4342U), pair(high, 0x4140U), pair(high, 0x4342U));
}

/// What a lane has of 8 rows of a tile, in the order of the tile: inputs 32 j + 8 c to 32 j + 8 c + 7, for j 0 to 3, of
/// row lane / 4 of `half` (0 or 1), where c is lane % 4.
template <Format kFormat>
struct LaneCodes {
  uint4 codes[kFormat == Format::kInt8 ? 2 : 1];
  uint2 scales;

  __device__ __forceinline__ void load(const std::byte* tile, int half) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const uint4* from = reinterpret_cast<const uint4*>(tile) + half * kWarp + lane;
    codes[0] = from[0];
    if constexpr (kFormat == Format::kInt8) codes[1] = from[2 * kWarp];
    scales = reinterpret_cast<const uint2*>(tile + tile_bytes(kFormat) - kScaleBytes)[half * 8 + lane / 4];
  }
  /// Inputs 32 j + 8 c and the next 7.
  __device__ __forceinline__ uint4 values(int j) const {
    const float scale = scale_at(scales, j);
    if constexpr (kFormat == Format::kInt8) {
      const uint4& four = codes[j / 2];
      return j % 2 == 0 ? values_of_int8(four.x, four.y, scale) : values_of_int8(four.z, four.w, scale);
    } else {
      const uint4& four = codes[0];
      return values_of_int4(j == 0 ? four.x : j == 1 ? four.y : j == 2 ? four.z : four.w, scale);
    }
  }
};

}  // namespace inferbench::cuda_backend
