// SPDX-License-Identifier: Apache-2.0
//
// Products of one sequence with quantized weights, in integers. Activations become integers of 15 bits, with a scale
// for each group of 32 inputs, which loses less than bfloat16 does. mma.m16n8k32 multiplies bytes, so each of these
// integers is two, an upper and a lower one. Each of the four groups of a tile has two of the eight columns, so that
// the sums of all groups are in the same registers, and each lane scales those of one group. The upper and the lower
// sum are put together, exactly, before. (All blocks would have to do so for all rows of several sequences, which takes
// longer than it saves.)
#pragma once

#include "kernel_math.cuh"
#include "multiply.cuh"
#include "step_plan.hpp"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

constexpr float kMostCode = 127 * 128;
/// Groups without a greater magnitude than this float's are zeros.
constexpr std::uint32_t kLeastCodedBits = 0x0da24260U;  // 1e-30

/// A row of activations in shared memory, as coded_row_bytes in step_plan.hpp says: value = scale * unit * (128 * upper
/// + lower), upper -127 to 127, lower 0 to 127.
struct CodedRow {
  std::uint32_t upper;   // bytes, [inputs + kCodePad]
  std::uint32_t lower;   // the same
  std::uint32_t scales;  // floats, of the groups
  float factor;          // of their greatest magnitude: the scale

  /// `unit`: of weights' codes as they are multiplied.
  __device__ CodedRow(std::uint32_t memory, int inputs, float unit)
      : upper(memory),
        lower(upper + static_cast<std::uint32_t>(inputs + kCodePad)),
        scales(lower + static_cast<std::uint32_t>(inputs + kCodePad)),
        factor(1 / (kMostCode * unit)) {}
};
/// int4 codes are multiplied in the upper halves of bytes.
constexpr float code_unit(Format format) {
  return format == Format::kInt4 ? 16.0F : 1.0F;
}

/// The low bytes of four words.
__device__ __forceinline__ std::uint32_t low_bytes(int a, int b, int c, int d) {
  return __byte_perm(__byte_perm(static_cast<unsigned>(a), static_cast<unsigned>(b), 0x0040),
                     __byte_perm(static_cast<unsigned>(c), static_cast<unsigned>(d), 0x0040), 0x5410);
}

/// Integers begin with the bits of this float, 1.5 * 2^23: it plus an integer, as a float, has the integer in its last
/// bits. That takes less time than a conversion.
constexpr float kIntegerBase = 12582912.0F;
constexpr int kIntegerBaseBits = 0x4B400000;

/// Four neighbouring values as bytes; `factor` takes the group's greatest magnitude to kMostCode.
__device__ __forceinline__ void encode4(float4 x, float factor, std::uint32_t& upper, std::uint32_t& lower) {
  const int a = __float_as_int(x.x * factor + kIntegerBase);
  const int b = __float_as_int(x.y * factor + kIntegerBase);
  const int c = __float_as_int(x.z * factor + kIntegerBase);
  const int d = __float_as_int(x.w * factor + kIntegerBase);
  upper = low_bytes(a >> 7, b >> 7, c >> 7, d >> 7);
  lower = low_bytes(a, b, c, d) & 0x7f7f7f7fU;
}

/// By bits, so that a NaN is greater than all numbers.
__device__ __forceinline__ std::uint32_t greatest_bits(float4 x) {
  constexpr std::uint32_t kMagnitude = 0x7fffffffU;
  return max(max(__float_as_uint(x.x) & kMagnitude, __float_as_uint(x.y) & kMagnitude),
             max(__float_as_uint(x.z) & kMagnitude, __float_as_uint(x.w) & kMagnitude));
}
template <int kLanes>
__device__ __forceinline__ std::uint32_t greatest_of_lanes(std::uint32_t bits) {
#pragma unroll
  for (int offset = 1; offset < kLanes; offset *= 2) bits = max(bits, __shfl_xor_sync(kAllLanes, bits, offset));
  return bits;
}
/// NaN and infinity make the scale so, too, and thus all that is multiplied by it.
__device__ __forceinline__ float code_factor(std::uint32_t bits) {
  return bits < kLeastCodedBits ? 0.0F : __fdividef(kMostCode, __uint_as_float(bits));
}

/// Values i to i + 3, where `is_there`. Whole warps call it; 8 neighbouring lanes have a group.
__device__ __forceinline__ void store_coded4(const CodedRow& row, int i, float4 x, bool is_there = true) {
  const std::uint32_t bits = greatest_of_lanes<8>(greatest_bits(x));
  if (!is_there) return;
  std::uint32_t upper = 0;
  std::uint32_t lower = 0;
  encode4(x, code_factor(bits), upper, lower);
  const auto at = static_cast<std::uint32_t>(i);
  store_shared(row.upper + at, upper);
  store_shared(row.lower + at, lower);
  if (at % kGroup == 0) store_shared(row.scales + at / kGroup * 4, __uint_as_float(bits) * row.factor);
}

/// The same with 8 values a lane, where `is_there`; 4 neighbouring lanes have a group.
__device__ __forceinline__ void store_coded8(const CodedRow& row, int i, float4 x, float4 y, bool is_there) {
  const std::uint32_t bits = greatest_of_lanes<4>(max(greatest_bits(x), greatest_bits(y)));
  if (!is_there) return;
  const float factor = code_factor(bits);
  uint2 upper;
  uint2 lower;
  encode4(x, factor, upper.x, lower.x);
  encode4(y, factor, upper.y, lower.y);
  const auto at = static_cast<std::uint32_t>(i);
  store_shared8(row.upper + at, upper);
  store_shared8(row.lower + at, lower);
  if (at % kGroup == 0) store_shared(row.scales + at / kGroup * 4, __uint_as_float(bits) * row.factor);
}

/// What a lane takes of a coded row: of a tile's four groups, columns 2 g and 2 g + 1 of an operand have the upper and
/// the lower bytes of group g. So a lane has inputs of one group, and the sums of another one.
struct CodedLane {
  std::uint32_t codes;   // at the tile's first input
  std::uint32_t scales;  // of the group whose sums it has, likewise
  int group;

  __device__ CodedLane(const CodedRow& row, int lane)
      : codes((lane / 4 % 2 == 0 ? row.upper : row.lower) +
              static_cast<std::uint32_t>(lane / 8 * kGroup + lane % 4 * 8)),
        scales(row.scales + static_cast<std::uint32_t>(lane % 4 * 4)),
        group(lane / 8) {
    keep(codes), keep(scales), keep(group);
  }
};

static_assert(kGroup * 128 * 127 < 1 << 22);  // a sum of products keeps its bits apart from kIntegerBase's

__device__ __forceinline__ float sum_of_codes(int upper, int lower) {
  return (__int_as_float(upper) - kIntegerBase) * 128.0F + (__int_as_float(lower) - kIntegerBase);
}

__device__ __forceinline__ void multiply_bytes(int (&sum)[4], const std::uint32_t (&a)[4], uint2 b) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
}

__device__ __forceinline__ float value_of(float4 values, int i) {
  return i == 0 ? values.x : i == 1 ? values.y : i == 2 ? values.z : values.w;
}

/// 4 signed bytes as 2 pairs of bfloat16. A byte with 128 added, in the low bits of 2^23, is that float plus the byte.
__device__ __forceinline__ void bytes_to_pairs(std::uint32_t bytes, std::uint32_t& low, std::uint32_t& high) {
  const std::uint32_t shifted = bytes ^ 0x80808080U;
  constexpr std::uint32_t kBase = 0x4B000000U;
  constexpr float kOffset = 8388608.0F + 128.0F;
  float value[4];
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) value[i] = __uint_as_float(__byte_perm(shifted, kBase, 0x7440U | i)) - kOffset;
  low = pair_of<__nv_bfloat16>(value[0], value[1]);
  high = pair_of<__nv_bfloat16>(value[2], value[3]);
}

/// Bytes i and i + 1 of four from 0 to 15, minus 8, as a pair of bfloat16: as the low bits of 128 they are 128 plus the
/// byte, exactly.
__device__ __forceinline__ std::uint32_t nibble_pair(std::uint32_t bytes, unsigned i) {
  const std::uint32_t bits = __byte_perm(bytes, 0x43434343U, 0x4140U | i << 8U | i);
  const __nv_bfloat162 value = __hsub2(*reinterpret_cast<const __nv_bfloat162*>(&bits), __float2bfloat162_rn(136.0F));
  return *reinterpret_cast<const std::uint32_t*>(&value);
}

/// (a & b) ^ c in one instruction; compiled from these operators it is two.
__device__ __forceinline__ std::uint32_t and_xor(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t result = 0;
  asm("lop3.b32 %0, %1, %2, %3, 0x6a;" : "=r"(result) : "r"(a), "r"(b), "r"(c));
  return result;
}

/// A lane's codes of a tile, group by group.
template <Format kFormat>
struct TileCodes {
  uint4 low[kFormat == Format::kInt8 ? 2 : 1];   // of row r
  uint4 high[kFormat == Format::kInt8 ? 2 : 1];  // of row r + 8

  __device__ __forceinline__ void load(const std::byte* tile) {
    const std::byte* mine = tile + threadIdx.x % kWarp * 16;
#pragma unroll
    for (int half = 0; half < (kFormat == Format::kInt8 ? 2 : 1); ++half) {
      low[half] = *reinterpret_cast<const uint4*>(mine + half * 1024);
      high[half] = *reinterpret_cast<const uint4*>(mine + half * 1024 + 512);
    }
  }

  /// A group as operands of bfloat16: [neighbouring inputs 2 i and 2 i + 1][row r, r + 8].
  __device__ __forceinline__ void pairs(int group, std::uint32_t (&a)[4][2]) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {  // rows r and r + 8
      if constexpr (kFormat == Format::kInt8) {
        const uint4& words = half == 0 ? low[group / 2] : high[group / 2];
        bytes_to_pairs(word_of(words, group % 2 * 2), a[0][half], a[1][half]);
        bytes_to_pairs(word_of(words, group % 2 * 2 + 1), a[2][half], a[3][half]);
      } else {
        const std::uint32_t word = word_of(half == 0 ? low[0] : high[0], group);
        const std::uint32_t first = word & 0x0f0f0f0fU;
        const std::uint32_t second = word >> 4U & 0x0f0f0f0fU;
        a[0][half] = nibble_pair(first, 0);
        a[1][half] = nibble_pair(first, 2);
        a[2][half] = nibble_pair(second, 0);
        a[3][half] = nibble_pair(second, 2);
      }
    }
  }

  /// The operand of a group as bytes. int4: 16 times the codes.
  __device__ __forceinline__ void group(int group, std::uint32_t (&a)[4]) const {
    if constexpr (kFormat == Format::kInt8) {
      a[0] = word_of(low[group / 2], group % 2 * 2);
      a[1] = word_of(high[group / 2], group % 2 * 2);
      a[2] = word_of(low[group / 2], group % 2 * 2 + 1);
      a[3] = word_of(high[group / 2], group % 2 * 2 + 1);
    } else {
      // A nibble is a code plus 8; in the upper half of a byte, with its first bit turned, it is 16 times the code.
      constexpr std::uint32_t kUpper = 0xf0f0f0f0U;
      constexpr std::uint32_t kTurned = 0x80808080U;
      const std::uint32_t low_word = word_of(low[0], group);
      const std::uint32_t high_word = word_of(high[0], group);
      a[0] = and_xor(low_word << 4U, kUpper, kTurned);
      a[1] = and_xor(high_word << 4U, kUpper, kTurned);
      a[2] = and_xor(low_word, kUpper, kTurned);
      a[3] = and_xor(high_word, kUpper, kTurned);
    }
  }
};

/// A lane's part of a tile.
template <Format kFormat>
struct TileOfLane {
  TileCodes<kFormat> codes;
  uint2 low_scales;   // of row r
  uint2 high_scales;  // of row r + 8

  __device__ __forceinline__ void load(const std::byte* tile) {
    const int r = static_cast<int>(threadIdx.x) % kWarp / 4;
    const std::byte* scales = tile + tile_bytes(kFormat) - kScaleBytes;
    codes.load(tile);
    low_scales = *reinterpret_cast<const uint2*>(scales + r * 8);
    high_scales = *reinterpret_cast<const uint2*>(scales + (r + 8) * 8);
  }
};

/// The same for one sequence: with the scales of the group whose sums the lane has.
template <Format kFormat>
struct CodedTileOfLane {
  TileCodes<kFormat> codes;
  std::uint16_t low_scale;   // of row r
  std::uint16_t high_scale;  // of row r + 8

  /// `tile`: in shared memory.
  __device__ __forceinline__ void load(std::uint32_t tile, int lane) {
    const std::uint32_t mine = tile + static_cast<std::uint32_t>(lane * 16);
#pragma unroll
    for (int half = 0; half < (kFormat == Format::kInt8 ? 2 : 1); ++half) {
      codes.low[half] = load_shared16(mine + half * 1024);
      codes.high[half] = load_shared16(mine + half * 1024 + 512);
    }
    const std::uint32_t scales =
        tile + static_cast<std::uint32_t>(tile_bytes(kFormat) - kScaleBytes) + static_cast<std::uint32_t>(lane * 2);
    asm volatile("ld.shared.u16 %0, [%1];" : "=h"(low_scale) : "r"(scales) : "memory");
    asm volatile("ld.shared.u16 %0, [%1];" : "=h"(high_scale) : "r"(scales + kWarp * 2) : "memory");
  }
};
static_assert(kScaleBytes == 2 * 2 * kWarp && kGroups == 4);  // a lane and its index agree

/// A lane's part of a tile's inputs: for each group, its bytes or, in columns of other groups, zeros.
struct CodedInputs {
  uint2 groups[kGroups];
  float scale;

  /// `input`: the tile's first one.
  __device__ __forceinline__ void load(const CodedLane& x, int input) {
    const auto at = static_cast<std::uint32_t>(input);
    const uint2 mine = load_shared8(x.codes + at);
    scale = load_shared(x.scales + at / kGroup * 4);
#pragma unroll
    for (int group = 0; group < kGroups; ++group) groups[group] = group == x.group ? mine : uint2{};
  }
};

/// Quantized tiles times their inputs: adds the sums of this lane's group, of rows r and r + 8 of the tiles. Those of
/// four neighbouring lanes add up to the product.
template <Format kFormat, int kTiles>
__device__ __forceinline__ void multiply_tiles(float& low_sum, float& high_sum,
                                               const CodedTileOfLane<kFormat> (&tiles)[kTiles],
                                               const CodedInputs (&x)[kTiles]) {
  int sum[kTiles][4];
#pragma unroll
  for (int k = 0; k < kTiles; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sum[k][i] = kIntegerBaseBits;
  }
#pragma unroll
  for (int group = 0; group < kGroups; ++group) {
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      std::uint32_t a[4];
      tiles[k].codes.group(group, a);
      multiply_bytes(sum[k], a, x[k].groups[group]);
    }
  }
#pragma unroll
  for (int k = 0; k < kTiles; ++k) {
    const auto scaled = [&](std::uint16_t scale, int upper, int lower) {
      return __uint_as_float(std::uint32_t{scale} << 16U) * x[k].scale * sum_of_codes(upper, lower);
    };
    low_sum += scaled(tiles[k].low_scale, sum[k][0], sum[k][1]);
    high_sum += scaled(tiles[k].high_scale, sum[k][2], sum[k][3]);
  }
}

/// One quantized tile, as bfloat16, times several rows; see multiply_chunks. `x`: of this lane, at the tile's first
/// input.
template <Format kFormat>
__device__ __forceinline__ void multiply_tile(float (&sum)[4], const std::byte* tile, const __nv_bfloat16* x,
                                              bool has_x) {
  TileOfLane<kFormat> mine;
  mine.load(tile);
#pragma unroll
  for (int group = 0; group < kGroups; ++group) {
    std::uint32_t a[4][2];
    mine.codes.pairs(group, a);
    const uint4 values = has_x ? *reinterpret_cast<const uint4*>(x + group * kGroup) : uint4{};
    float part[4] = {};
    multiply<__nv_bfloat16>(part, a[0][0], a[0][1], a[1][0], a[1][1], values.x, values.y);
    multiply<__nv_bfloat16>(part, a[2][0], a[2][1], a[3][0], a[3][1], values.z, values.w);
    const float low_scale = scale_at(mine.low_scales, group);
    const float high_scale = scale_at(mine.high_scales, group);
    sum[0] += low_scale * part[0];
    sum[1] += low_scale * part[1];
    sum[2] += high_scale * part[2];
    sum[3] += high_scale * part[3];
  }
}

}  // namespace inferbench::cuda_backend
