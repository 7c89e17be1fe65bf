// SPDX-License-Identifier: Apache-2.0
//
// What the AVX2 products with int4 and int5 weights share: multipliers, and where a row has the sums of its halves.
#pragma once

#include "matmul_avx2.h"

namespace {

// Multipliers of a group for 8 channels, in 16-bit numbers: of its first half and of its second half (both numbers of a
// channel alike), and of the first half next to the second.
struct Multipliers {
  __m256i low;
  __m256i high;
  __m256i pair;

  explicit Multipliers(const uint8_t* p) {
    const __m256i twice = _mm256_setr_epi8(0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1,  //
                                           4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1);
    long long eight = 0;
    __builtin_memcpy(&eight, p, sizeof(eight));
    const __m256i nibbles = _mm256_shuffle_epi8(_mm256_set1_epi64x(eight), twice);
    const __m256i one = _mm256_set1_epi16(1);
    low = _mm256_add_epi16(_mm256_and_si256(nibbles, _mm256_set1_epi16(15)), one);
    high = _mm256_add_epi16(_mm256_srli_epi16(nibbles, 4), one);
    pair = _mm256_blend_epi16(low, high, 0xaa);
  }
};

struct HalvesAt : GroupAt {
  int64_t half;

  HalvesAt(int32_t k, int32_t g) : GroupAt(k, g), half(anew(row_half_offset(k) + int64_t{g} * 4)) {}
};

}  // namespace
