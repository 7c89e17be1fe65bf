// SPDX-License-Identifier: Apache-2.0
//
// Packed tiles to bf16, scales included, as AMX reads them: group after group of 32 inputs, in a group
//   [16 pairs of inputs][16 channels][2 inputs] bf16, zeros from k on       1024 bytes
#pragma once

#include <immintrin.h>

#include "matmul_avx512.h"
#include "tiles_amx.h"

namespace {

// Prefetched into the L2 cache: expanding the bytes takes less time than the memory needs to deliver them.
constexpr int32_t kExpandAhead = 16384;

// 16 channels' multipliers of a group in int8.
struct Int8Scale {
  __m512 factor;
  __m512 offset;  // -384 * factor: exact, of an 8-bit integer

  explicit Int8Scale(const uint8_t* multipliers)
      : factor(floats_of(multipliers)), offset(_mm512_mul_ps(factor, _mm512_set1_ps(-384.0F))) {}
};

// Byte kByte of a line, w + 128, as w times its multiplier. Shifted so that it is the upper part of a mantissa: 256 +
// byte without a conversion, 384 + w, and one fma that has nothing to round.
template <int kByte>
inline __m512i scaled_byte(__m512i line, const Int8Scale& scale) {
  constexpr int kShift = 15 - 8 * kByte;
  constexpr auto kLeft = static_cast<unsigned>(kShift > 0 ? kShift : 0);
  constexpr auto kRight = static_cast<unsigned>(kShift < 0 ? -kShift : 0);
  const __m512i moved = kShift > 0 ? _mm512_slli_epi32(line, kLeft) : _mm512_srli_epi32(line, kRight);
  constexpr int kAndOr = 0xea;  // (a & b) | c
  const __m512i value =
      _mm512_ternarylogic_epi32(moved, _mm512_set1_epi32(0xff << 15), _mm512_set1_epi32(0x43800000), kAndOr);
  return _mm512_castps_si512(_mm512_fmadd_ps(_mm512_castsi512_ps(value), scale.factor, scale.offset));
}

// Four bits of each lane, u, as (u - 8) times the lane's scale.
template <unsigned kFirstBit>
inline __m512i scaled_code(__m512i line, __m512 scale) {
  const __m512 values = _mm512_setr_ps(-8.0F, -7.0F, -6.0F, -5.0F, -4.0F, -3.0F, -2.0F, -1.0F, 0.0F, 1.0F, 2.0F, 3.0F,
                                       4.0F, 5.0F, 6.0F, 7.0F);
  const __m512 value = _mm512_permutexvar_ps(_mm512_srli_epi32(line, kFirstBit), values);  // by the lowest four bits
  return _mm512_castps_si512(_mm512_mul_ps(value, scale));
}

// The upper halves of two floats a lane, rounded to nearest, halves away from zero.
inline __m512i rounded_pair(__m512i even, __m512i odd) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(_mm512_add_epi32(even, half), 16),
                                 _mm512_add_epi32(odd, half));
}

// A line of 16 channels and 4 inputs, w + 128 in each byte.
inline void expand_bytes(__m512i line, const Int8Scale& scale, uint8_t* out) {
  _mm512_store_si512(out, rounded_pair(scaled_byte<0>(line, scale), scaled_byte<1>(line, scale)));
  _mm512_store_si512(out + 64, rounded_pair(scaled_byte<2>(line, scale), scaled_byte<3>(line, scale)));
}

// The same of the lower (kShift 0) or upper (4) codes in each byte.
template <unsigned kShift>
inline void expand_codes(__m512i line, __m512 scale, uint8_t* out) {
  _mm512_store_si512(out, rounded_pair(scaled_code<kShift>(line, scale), scaled_code<8 + kShift>(line, scale)));
  _mm512_store_si512(out + 64,
                     rounded_pair(scaled_code<16 + kShift>(line, scale), scaled_code<24 + kShift>(line, scale)));
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
  const int32_t quads = ceil_div(inputs_of(k, first, kScaleGroup), 4);
  for (int32_t j = 0; j < quads; ++j) {
    __builtin_prefetch(lines + 64 * j + kExpandAhead, 0, 2);
    expand_bytes(_mm512_xor_si512(_mm512_load_si512(lines + 64 * j), sign), scale, out + 128 * j);
  }
  clear_lines(quads, out);
}

// Multipliers 1 to 16 of a half group, less one in four bits of each byte, as floats times the super-block's scale.
template <unsigned kShift>
inline __m512 int4_scale(__m512i multipliers, __m512 scale) {
  const __m512i nibbles = _mm512_and_si512(_mm512_srli_epi32(multipliers, kShift), _mm512_set1_epi32(15));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(nibbles, _mm512_set1_epi32(1))), scale);
}

template <>
inline void expand_inputs<Packed::Int4>(const uint8_t* tile, int32_t k, int32_t first, uint8_t* out) {
  const __m512 scale = _mm512_load_ps(tile + i4_scale_offset(k, 0, first / kSuperBlock));
  const __m512i multipliers =
      _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(tile + i4_multiplier_offset(k, 0, first))));
  const __m512 scale_low = int4_scale<0>(multipliers, scale);
  const __m512 scale_high = int4_scale<4>(multipliers, scale);
  const uint8_t* codes = tile + i4_code_offset(k, 0, first);
  for (int32_t j = 0; j < 4; ++j) {
    __builtin_prefetch(codes + 64 * j + kExpandAhead, 0, 2);
    const __m512i line = _mm512_load_si512(codes + 64 * j);
    expand_codes<0>(line, scale_low, out + 128 * j);
    expand_codes<4>(line, scale_high, out + 128 * (j + 4));
  }
}

}  // namespace
