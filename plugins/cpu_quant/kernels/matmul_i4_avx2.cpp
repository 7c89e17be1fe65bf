// SPDX-License-Identifier: Apache-2.0
//
// int4 weights times any number of rows, straight from the codes: u8 x s8 products of codes cannot saturate (4 steps of
// 2 * 15 * 127 < 2^15), so a group's sum is made in 16 bits and multiplied by its multiplier once. This is less work
// than the int8 product of unpacked weights, so gemm does the same.
#include "matmul_avx2.h"
#include "parts.h"

namespace {

// Multipliers of a group for 8 channels: of its first and second half, one per 32-bit lane.
struct Multipliers {
  __m256i low;
  __m256i high;

  explicit Multipliers(const uint8_t* p) {
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    low = _mm256_add_epi32(_mm256_and_si256(bytes, _mm256_set1_epi32(15)), _mm256_set1_epi32(1));
    high = _mm256_add_epi32(_mm256_srli_epi32(bytes, 4), _mm256_set1_epi32(1));
  }
};

// In both 16-bit halves of each lane.
inline __m256i twice(__m256i x) {
  return _mm256_or_si256(x, _mm256_slli_epi32(x, 16));
}

// y[m] += 8 channels of a group.
template <int kRows>
inline void add_group(const uint8_t* codes, const Multipliers& s, __m256 factor, const Activations& first,
                      int64_t row_bytes, int32_t g, __m256 (&y)[count(kRows)]) {
  const auto* q = reinterpret_cast<const uint8_t*>(first.q) + int64_t{g} * kScaleGroup;
  const auto* half = reinterpret_cast<const uint8_t*>(first.half + int64_t{g} * 2);
  const auto* scale = reinterpret_cast<const uint8_t*>(first.scale + g);
  const __m256i low_nibbles = _mm256_set1_epi8(0x0f);
  __m256i low[count(kRows)];
  __m256i high[count(kRows)];
  for (int m = 0; m < kRows; ++m) low[m] = high[m] = _mm256_setzero_si256();
  for (int j = 0; j < 4; ++j) {
    const __m256i line = load_half(codes + 64 * j);
    const __m256i u_low = _mm256_and_si256(line, low_nibbles);
    const __m256i u_high = _mm256_and_si256(_mm256_srli_epi16(line, 4), low_nibbles);
    for (int m = 0; m < kRows; ++m) {
      const uint8_t* a = q + m * row_bytes + 4 * j;
      low[m] = _mm256_add_epi16(low[m], _mm256_maddubs_epi16(u_low, _mm256_set1_epi32(four_bytes(a))));
      high[m] = _mm256_add_epi16(high[m], _mm256_maddubs_epi16(u_high, _mm256_set1_epi32(four_bytes(a + kHalfGroup))));
    }
  }
  const __m256i s_low = twice(s.low);
  const __m256i s_high = twice(s.high);
  const __m256i s_pair = _mm256_or_si256(s.low, _mm256_slli_epi32(s.high, 16));
  for (int m = 0; m < kRows; ++m) {
    __m256i acc = _mm256_madd_epi16(_mm256_set1_epi32(four_bytes(half + m * row_bytes)), s_pair);
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(low[m], s_low));
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(high[m], s_high));
    y[m] = add_scaled(y[m], acc, float_at(scale + m * row_bytes), factor);
  }
}

struct Kernel {
  template <int kRows>
  static void run(const MatmulArgs& args, int32_t tile, int32_t row) {
    const uint8_t* weights = args.weights + tile * i4_tile_bytes(args.k);
    const Activations first = activations_at(args, row);
    const int64_t row_bytes = quantized_row_bytes(args.k);
    __m256 y[2][count(kRows)];
    for (int m = 0; m < kRows; ++m) y[0][m] = y[1][m] = _mm256_setzero_ps();
    for (int32_t g = 0; g < n_groups(args.k); ++g) {
      const int32_t input = g * kScaleGroup;
      const uint8_t* codes = weights + i4_code_offset(args.k, 0, input);
      const uint8_t* multipliers = weights + i4_multiplier_offset(args.k, 0, input);
      const auto* scale = reinterpret_cast<const float*>(weights + i4_scale_offset(args.k, 0, input / kSuperBlock));
      for (int half = 0; half < 2; ++half) {
        add_group<kRows>(codes + 32 * half, Multipliers(multipliers + 8 * half), _mm256_load_ps(scale + 8 * half),
                         first, row_bytes, g, y[half]);
      }
    }
    for (int m = 0; m < kRows; ++m) {
      for (int half = 0; half < 2; ++half) {
        store_result(args, tile * kTile + 8 * half, row + m, y[half][m], _mm256_set1_ps(1.0F));
      }
    }
  }
};

void gemv_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  for_blocks(*args, tile_begin, tile_end, 0, args->m, Kernel{});
}

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* /*scratch*/) {
  for_blocks(*args, tile_begin, tile_end, row_begin, row_end, Kernel{});
}

}  // namespace

namespace inferbench::cpu_quant {

void add_matmul_i4_avx2(KernelTable* table) {
  table->gemv_i4 = gemv_i4;
  table->gemm_i4 = gemm_i4;
}

}  // namespace inferbench::cpu_quant
