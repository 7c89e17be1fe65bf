// SPDX-License-Identifier: Apache-2.0
//
// How weights lie in device memory. Plain C++, compiled for the host and for the device, so that the host's tests cover
// what the kernels use.
//
// fp32, fp16 and bf16 are plain: rows of `stride` values, the inputs padded with zeros to a multiple of 64, the rows to
// a multiple of 16.
//
// int8 and int4 are tiles of 16 rows by 128 inputs, tile after tile along the inputs, then the next 16 rows. A tile has
// its codes, then a bfloat16 scale for each row and 32 inputs, [16][4]. Codes lie in the order in which the 32 lanes of
// a warp take them for mma.m16n8k16, 16 bytes per lane at a time: lane 4 r + c takes inputs 32 j + 8 c to 32 j + 8 c +
// 7 of rows r and r + 8. What such an instruction calls input 2 c, 2 c + 1, 2 c + 8, 2 c + 9 are then four neighbours
// of the matrix; the other operand is read in the same order, so that the products agree.
//   int8, 2048 bytes: for each half of the inputs, for rows r and then r + 8: [lane][j of 2][8] signed bytes
//   int4, 1024 bytes: for rows r and then r + 8: [lane][j of 4] words; byte i holds inputs i (its lower half) and 4 +
//   i, each plus 8
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define IB_BOTH __host__ __device__ __forceinline__
#else
#define IB_BOTH inline
#endif

namespace inferbench::cuda_backend {

enum class Format : std::int32_t { kF32, kF16, kBf16, kInt8, kInt4 };

constexpr std::int32_t kTileRows = 16;
constexpr std::int32_t kTileInputs = 128;  // of a quantized tile
constexpr std::int32_t kGroup = 32;        // inputs that share a scale
constexpr std::int32_t kGroups = kTileInputs / kGroup;
constexpr std::int32_t kScaleBytes = kTileRows * kGroups * 2;
constexpr std::int32_t kInt8TileBytes = kTileRows * kTileInputs + kScaleBytes;
constexpr std::int32_t kInt4TileBytes = kTileRows * kTileInputs / 2 + kScaleBytes;
constexpr std::int32_t kPlainInputs = 64;  // inputs of plain rows are padded to a multiple of this

constexpr bool is_quantized(Format format) {
  return format == Format::kInt8 || format == Format::kInt4;
}

constexpr std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

/// Inputs with padding.
constexpr std::int64_t padded_inputs(Format format, std::int64_t inputs) {
  return round_up(inputs, is_quantized(format) ? kTileInputs : kPlainInputs);
}

constexpr std::int64_t value_bytes(Format format) {
  return format == Format::kF32 ? 4 : 2;
}

constexpr std::int64_t tile_bytes(Format format) {
  return format == Format::kInt8 ? kInt8TileBytes : kInt4TileBytes;
}

/// Bytes of a matrix of that many rows.
constexpr std::int64_t matrix_bytes(Format format, std::int64_t rows, std::int64_t inputs) {
  const std::int64_t row_tiles = round_up(rows, kTileRows) / kTileRows;
  const std::int64_t padded = padded_inputs(format, inputs);
  if (is_quantized(format)) return row_tiles * (padded / kTileInputs) * tile_bytes(format);
  return row_tiles * kTileRows * padded * value_bytes(format);
}

/// Where the gate and the up projection of a gated MLP lie in one matrix: 8 rows of the gate, then the same 8 of the
/// other, so that a tile has both factors of 8 values. Row `i` of part 0 (gate) or 1 (up).
IB_BOTH std::int64_t gated_row(std::int64_t i, std::int32_t part) {
  return i / 8 * 16 + part * 8 + i % 8;
}

/// Byte of an int8 code within its tile. `row` 0 to 15, `input` 0 to 127.
IB_BOTH std::int32_t int8_place(std::int32_t row, std::int32_t input) {
  const std::int32_t half = input / 64;
  const std::int32_t lane = row % 8 * 4 + input % kGroup / 8;
  return half * 1024 + row / 8 * 512 + lane * 16 + input % 64 / kGroup * 8 + input % 8;
}

/// Word (of 32 bits) of an int4 code within its tile, and the position of its nibble.
IB_BOTH std::int32_t int4_word(std::int32_t row, std::int32_t input) {
  const std::int32_t lane = row % 8 * 4 + input % kGroup / 8;
  return row / 8 * 128 + lane * 4 + input / kGroup;
}
IB_BOTH std::int32_t int4_nibble(std::int32_t input) {
  return input % 4 * 2 + input % 8 / 4;
}

/// Index of a scale among the tile's, which follow the codes.
IB_BOTH std::int32_t scale_place(std::int32_t row, std::int32_t input) {
  return row * kGroups + input / kGroup;
}

// ---- keys and values in 8 bits ----

/// A head's values at a position share a scale: each is about scale * code, codes are -127 to 127. `most`: the greatest
/// magnitude. What is not finite is passed on: a scale of infinity or NaN makes values that are not finite either.
IB_BOTH float head_scale(float most) {
  return most / 127.0F;
}
IB_BOTH std::int8_t head_code(float value, float scale) {
  const float code = std::rint(value * (scale > 1e-30F ? 1.0F / scale : 0.0F));
  return static_cast<std::int8_t>(code >= -127.0F ? (code <= 127.0F ? code : 127.0F) : -127.0F);
}

// ---- bfloat16 by bits ----

IB_BOTH std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
IB_BOTH float float_of(std::uint32_t bits) {
  float value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}
/// The nearest bfloat16 of a finite value, ties to even, as a float.
IB_BOTH float nearest_bf16(float value) {
  const std::uint32_t bits = bits_of(value);
  return float_of((bits + 0x7fffU + (bits >> 16U & 1U)) & 0xffff0000U);
}
/// The least bfloat16 that is not below a finite value >= 0.
IB_BOTH float bf16_at_least(float value) {
  return float_of((bits_of(value) + 0xffffU) & 0xffff0000U);
}

// ---- quantization of a group ----

/// weight[i] is about scale * codes[i]. kBits 8: -128 to 127. kBits 4: -8 to 7.
template <int kBits>
struct Group {
  float scale;  // a bfloat16
  std::int8_t codes[kGroup];
};

IB_BOTH float clamped_code(float code, float least, float most) {
  return code < least ? least : (code > most ? most : code);
}

/// Rounds to nearest even; |x| < 2^22. (rintf would do, but depends on the rounding mode.)
IB_BOTH float rounded(float x) {
  volatile float shifted = x + 12582912.0F;
  return shifted - 12582912.0F;
}

/// Squared error of a group at a scale (not 0), and its codes.
template <int kBits>
IB_BOTH float encode(const float* weights, float scale, std::int8_t* codes) {
  constexpr float kLeast = kBits == 8 ? -128.0F : -8.0F;
  constexpr float kMost = kBits == 8 ? 127.0F : 7.0F;
  const float inverse = 1.0F / scale;
  float error = 0;
  for (int i = 0; i < kGroup; ++i) {
    const float code = clamped_code(rounded(weights[i] * inverse), kLeast, kMost);
    codes[i] = static_cast<std::int8_t>(code);
    const float difference = weights[i] - scale * code;
    error += difference * difference;
  }
  return error;
}

/// Of some scales, the one with the least squared error; the sign of a scale is free, since codes reach from -8 to 7.
/// int8: the largest magnitude becomes 127 (the scale rounded up) or -128, which is exact for powers of 2.
/// int4: the largest magnitude becomes 6.5 to 9 or -6.5 to -9, where its code may be clipped; the best one is refined
/// once by least squares.
template <int kBits>
IB_BOTH void quantize(const float* weights, Group<kBits>& group) {
  float extreme = 0;
  for (int i = 0; i < kGroup; ++i) {
    if ((weights[i] < 0 ? -weights[i] : weights[i]) > (extreme < 0 ? -extreme : extreme)) extreme = weights[i];
  }
  const float magnitude = extreme < 0 ? -extreme : extreme;
  group.scale = 0;
  for (int i = 0; i < kGroup; ++i) group.codes[i] = 0;
  if (magnitude < 1e-30F) return;
  float best = 3.4e38F;
  std::int8_t codes[kGroup];
  const auto consider = [&](float wanted) {
    const float scale = nearest_bf16(wanted);
    if (scale == 0) return;
    const float error = encode<kBits>(weights, scale, codes);
    if (error < best) {
      best = error;
      group.scale = scale;
      for (int i = 0; i < kGroup; ++i) group.codes[i] = codes[i];
    }
  };
  if constexpr (kBits == 8) {
    consider(bf16_at_least(magnitude / 127.0F));
    consider(-extreme / 128.0F);
  } else {
    for (int step = 0; step < 6; ++step) {
      const float reach = 6.5F + 0.5F * static_cast<float>(step);
      consider(-extreme / reach);
      consider(extreme / reach);
    }
    float product = 0;
    float square = 0;
    for (int i = 0; i < kGroup; ++i) {
      const auto code = static_cast<float>(group.codes[i]);
      product += weights[i] * code;
      square += code * code;
    }
    if (square > 0) consider(product / square);
  }
}

}  // namespace inferbench::cuda_backend
