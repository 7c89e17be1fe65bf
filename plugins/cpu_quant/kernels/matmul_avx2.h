// SPDX-License-Identifier: Apache-2.0
//
// What the AVX2 matrix products share: half a tile (8 channels) is one register.
#pragma once

#include <immintrin.h>

#include "matmul_common.h"

namespace {

constexpr int kRowBlock = 4;  // rows at once: 8 accumulators

// All bits set for the channels of half a tile that exist.
inline __m256i channels_of(const MatmulArgs& args, int32_t channel) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(args.n - channel), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// c = fma(y, scale, residual + bias) for the channels from `channel` on that exist.
inline void store_result(const MatmulArgs& args, int32_t channel, int32_t m, __m256 y, __m256 scale) {
  const __m256i mask = channels_of(args, channel);
  float* out = args.c + m * args.ldc + channel;
  __m256 start = args.accumulate != 0 ? _mm256_maskload_ps(out, mask) : _mm256_setzero_ps();
  if (args.bias != nullptr) start = _mm256_add_ps(start, _mm256_maskload_ps(args.bias + channel, mask));
  _mm256_maskstore_ps(out, mask, _mm256_fmadd_ps(y, scale, start));
}

// y + acc * (a_scale * factor), the scales' product rounded first.
inline __m256 add_scaled(__m256 y, __m256i acc, float a_scale, __m256 factor) {
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc), _mm256_mul_ps(_mm256_set1_ps(a_scale), factor), y);
}

// sum += x of 16-bit or 32-bit numbers, there and in this order: of what it may reorder GCC makes trees, whose branches
// do not fit the registers, or copies.
inline void add_16(__m256i& sum, __m256i x) {
  __asm__("vpaddw %1, %0, %0" : "+x"(sum) : "x"(x));
}

inline void add_32(__m256i& sum, __m256i x) {
  __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(x));
}

inline __m256i load_half(const uint8_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}

// Asks for the weights that come some groups later: those between take about as long as memory does, and the
// processor's own prefetchers do not run far enough ahead of so much work a line (measured, bench/README.md).
inline void prefetch_weights(const uint8_t* line) {
  constexpr int kAhead = 4096;  // bytes
  _mm_prefetch(reinterpret_cast<const char*>(line + kAhead), _MM_HINT_T0);
}

// Eight 8-bit multipliers as floats.
inline __m256 factors_of(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}

// Even and odd bytes of a register as 16-bit numbers.
template <bool kSigned>
inline __m256i even_bytes(__m256i x) {
  return kSigned ? _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8) : _mm256_and_si256(x, _mm256_set1_epi16(0xff));
}

template <bool kSigned>
inline __m256i odd_bytes(__m256i x) {
  return kSigned ? _mm256_srai_epi16(x, 8) : _mm256_srli_epi16(x, 8);
}

// x as it is here: what is read through it is read anew, and not kept on the stack since another block of rows used it.
template <class T>
inline T anew(T x) {
  __asm__ volatile("" : "+r"(x));  // volatile: or two of the same would be one
  return x;
}

constexpr int at_least_one(int n) {
  return n > 0 ? n : 1;
}

// kRows rows from row m on, each with its own pointer: GCC would derive many from pointers a known distance apart.
template <int kRows>
struct RowPointers {
  const uint8_t* row[count(kRows)];

  RowPointers(const MatmulArgs& args, int32_t m) {
    for (int i = 0; i < kRows; ++i) row[i] = anew(args.rows + (m + i) * quantized_row_bytes(args.k));
  }
};

// Where in a row the parts of group g are.
struct GroupAt {
  int64_t q;
  int64_t scale;

  GroupAt(int32_t k, int32_t g)
      : q(anew(int64_t{g} * kScaleGroup)), scale(anew(row_scale_offset(k) + int64_t{g} * 4)) {}
};

// Runs kernel.run<first, second>(row) over pairs of blocks of up to kRowBlock rows. A pair takes each group together,
// so that the weights are read in one stream, at one pace.
template <class Kernel>
void for_row_block_pairs(const Kernel& kernel, int32_t row, int32_t row_end) {
  for (; row + 2 * kRowBlock <= row_end; row += 2 * kRowBlock) kernel.template run<kRowBlock, kRowBlock>(row);
  switch (row_end - row) {
    case 7:
      return kernel.template run<4, 3>(row);
    case 6:
      return kernel.template run<4, 2>(row);
    case 5:
      return kernel.template run<4, 1>(row);
    case 4:
      return kernel.template run<4, 0>(row);
    case 3:
      return kernel.template run<3, 0>(row);
    case 2:
      return kernel.template run<2, 0>(row);
    case 1:
      return kernel.template run<1, 0>(row);
    default:
      return;
  }
}

// Runs kernel.run<rows>(row) over blocks of up to kRowBlock rows.
template <class Kernel>
void for_row_blocks(const Kernel& kernel, int32_t row, int32_t row_end) {
  for (; row + kRowBlock <= row_end; row += kRowBlock) kernel.template run<kRowBlock>(row);
  switch (row_end - row) {
    case 3:
      kernel.template run<3>(row);
      break;
    case 2:
      kernel.template run<2>(row);
      break;
    case 1:
      kernel.template run<1>(row);
      break;
    default:
      break;
  }
}

}  // namespace
