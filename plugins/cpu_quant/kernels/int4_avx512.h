// SPDX-License-Identifier: Apache-2.0
//
// int4 codes to the int8 weights that they encode, 64 at a time.
#pragma once

#include <immintrin.h>

#include "kernels.h"

namespace {

// A number of 0 to 15 per 32-bit lane, plus one, in both of its 16-bit halves.
inline __m512i spread_multipliers(__m512i nibbles) {
  return _mm512_add_epi16(_mm512_or_si512(nibbles, _mm512_slli_epi32(nibbles, 16)), _mm512_set1_epi16(1));
}

// 128 - 8 * multiplier in both bytes of each 16-bit lane.
inline __m512i offsets_of(__m512i multipliers) {
  const __m512i word = _mm512_sub_epi16(_mm512_set1_epi16(128), _mm512_slli_epi16(multipliers, 3));
  return _mm512_or_si512(word, _mm512_slli_epi16(word, 8));
}

// Codes at bit 0 of each byte times the multipliers, as value + 128.
inline __m512i expand(__m512i codes, __m512i multipliers, __m512i offsets) {
  // Two codes in 16 bits times one multiplier: 15 * 16 < 256, so nothing is carried from byte to byte.
  const __m512i nibbles = _mm512_and_si512(codes, _mm512_set1_epi8(0x0f));
  return _mm512_add_epi8(_mm512_mullo_epi16(nibbles, multipliers), offsets);
}

// The eight quads of a group, in order, as the int8 layout has them.
inline void expand_group(const uint8_t* codes, const uint8_t* multipliers, __m512i (&lines)[8]) {
  const __m512i bytes = _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(multipliers)));
  const __m512i s_low = spread_multipliers(_mm512_and_si512(bytes, _mm512_set1_epi32(15)));
  const __m512i s_high = spread_multipliers(_mm512_srli_epi32(bytes, 4));
  const __m512i offset_low = offsets_of(s_low);
  const __m512i offset_high = offsets_of(s_high);
  for (int j = 0; j < 4; ++j) {
    const __m512i line = _mm512_load_si512(codes + 64 * j);
    lines[j] = expand(line, s_low, offset_low);
    lines[j + 4] = expand(_mm512_srli_epi16(line, 4), s_high, offset_high);
  }
}

}  // namespace
