// SPDX-License-Identifier: Apache-2.0
//
// Packed tiles to bf16, scales included, as AMX reads them: group after group of 32 inputs, in a group
//   [16 pairs of inputs][16 channels][2 inputs] bf16, zeros from k on       1024 bytes
#pragma once

#include <immintrin.h>

#include "int4_avx512.h"
#include "matmul_avx512.h"
#include "tiles_amx.h"

namespace {

// Fetched into the L2 cache: the memory is further away than the expansion of so many bytes takes.
constexpr int32_t kExpandAhead = 16384;

// 16 channels' scales for a group of inputs.
struct Int8Scale {
  __m512 factor;
  __m512 offset;  // -384 * factor: exact, of an 8-bit integer

  explicit Int8Scale(const uint8_t* multipliers)
      : factor(floats_of(multipliers)), offset(_mm512_mul_ps(factor, _mm512_set1_ps(-384.0F))) {}
  // value: 384 + w, in one rounding that has nothing to round.
  [[nodiscard]] __m512 operator()(__m512 value) const { return _mm512_fmadd_ps(value, factor, offset); }
};

struct Int4Scale {
  __m512 factor;

  [[nodiscard]] __m512 operator()(__m512 value) const {
    return _mm512_mul_ps(_mm512_sub_ps(value, _mm512_set1_ps(384.0F)), factor);
  }
};

// Weights b of a line, as float((b + 384) of bytes b + 128), scaled. Shifted so that byte j is the upper part of a
// mantissa: 256 + byte, without a conversion.
template <int kByte, class Scale>
inline __m512i scaled(__m512i line, const Scale& scale) {
  constexpr int kShift = 15 - 8 * kByte;
  constexpr auto kLeft = static_cast<unsigned>(kShift > 0 ? kShift : 0);
  constexpr auto kRight = static_cast<unsigned>(kShift < 0 ? -kShift : 0);
  const __m512i moved = kShift > 0 ? _mm512_slli_epi32(line, kLeft) : _mm512_srli_epi32(line, kRight);
  constexpr int kAndOr = 0xea;  // (a & b) | c
  const __m512i value =
      _mm512_ternarylogic_epi32(moved, _mm512_set1_epi32(0xff << 15), _mm512_set1_epi32(0x43800000), kAndOr);
  return _mm512_castps_si512(scale(_mm512_castsi512_ps(value)));
}

// The upper halves of two floats a lane, rounded to nearest, halves away from zero.
inline __m512i rounded_pair(__m512i even, __m512i odd) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(_mm512_add_epi32(even, half), 16),
                                 _mm512_add_epi32(odd, half));
}

// A line of 16 channels and 4 inputs, w + 128 in each byte.
template <class Scale>
inline void expand_line(__m512i line, const Scale& scale, uint8_t* out) {
  _mm512_store_si512(out, rounded_pair(scaled<0>(line, scale), scaled<1>(line, scale)));
  _mm512_store_si512(out + 64, rounded_pair(scaled<2>(line, scale), scaled<3>(line, scale)));
}

inline void clear_lines(int32_t from, uint8_t* group) {
  for (int32_t j = from; j < kScaleGroup / 4; ++j) {
    _mm512_store_si512(group + 128 * j, _mm512_setzero_si512());
    _mm512_store_si512(group + 128 * j + 64, _mm512_setzero_si512());
  }
}

// How weights are packed: bytes w + 128; bytes w (they belong to unsigned rows); codes of 4 bits.
enum class Packed { Int8, Int8Signed, Int4 };

// The group of inputs from `first` on of a tile.
template <Packed kPacked>
inline void expand_inputs(const uint8_t* tile, int32_t k, int32_t first, uint8_t* out) {
  const __m512i sign = _mm512_set1_epi8(kPacked == Packed::Int8Signed ? -128 : 0);
  const Int8Scale scale(tile + i8_multiplier_offset(k, 0, first));
  const uint8_t* lines = tile + i8_weight_offset(k, 0, first);
  const int32_t quads = pieces(inputs_of(k, first, kScaleGroup), 4);
  for (int32_t j = 0; j < quads; ++j) {
    __builtin_prefetch(lines + 64 * j + kExpandAhead, 0, 2);
    expand_line(_mm512_xor_si512(_mm512_load_si512(lines + 64 * j), sign), scale, out + 128 * j);
  }
  clear_lines(quads, out);
}

template <>
inline void expand_inputs<Packed::Int4>(const uint8_t* tile, int32_t k, int32_t first, uint8_t* out) {
  const auto* scales = reinterpret_cast<const float*>(tile + i4_scale_offset(k, 0, first / kSuperBlock));
  const Int4Scale scale = {_mm512_load_ps(scales)};
  const uint8_t* codes = tile + i4_code_offset(k, 0, first);
  for (int32_t j = 0; j < 4; ++j) __builtin_prefetch(codes + 64 * j + kExpandAhead, 0, 2);
  __m512i lines[8];
  expand_group(codes, tile + i4_multiplier_offset(k, 0, first), lines);
  for (int32_t j = 0; j < 8; ++j) expand_line(lines[j], scale, out + 128 * j);
}

}  // namespace
