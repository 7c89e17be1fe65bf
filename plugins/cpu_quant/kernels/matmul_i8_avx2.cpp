// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times any number of rows. AVX2's u8 x s8 product saturates at 16 bits (255 * 127 * 2), so bytes are
// taken apart into even and odd inputs, which are 16-bit numbers where they stand, and multiplied with vpmaddwd.
#include "matmul_avx2.h"
#include "parts.h"

namespace {

// Even and odd bytes of a register as 16-bit numbers.
template <bool kSigned>
inline __m256i even_bytes(__m256i x) {
  return kSigned ? _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8) : _mm256_and_si256(x, _mm256_set1_epi16(0xff));
}

template <bool kSigned>
inline __m256i odd_bytes(__m256i x) {
  return kSigned ? _mm256_srai_epi16(x, 8) : _mm256_srli_epi16(x, 8);
}

// One group of a tile for kRows rows: `quads` lines from weights on.
template <int kRows, bool kUnsigned>
inline void add_group(const uint8_t* weights, int32_t quads, const uint8_t* multipliers, const Activations& first,
                      int64_t row_bytes, int32_t g, __m256 (&y)[count(kRows)][2]) {
  const auto* q = reinterpret_cast<const uint8_t*>(first.q) + int64_t{g} * kScaleGroup;
  const auto* offset = reinterpret_cast<const uint8_t*>(first.offset + g);
  const auto* scale = reinterpret_cast<const uint8_t*>(first.scale + g);
  __m256i acc[count(kRows)][2];
  for (int m = 0; m < kRows; ++m) acc[m][0] = acc[m][1] = _mm256_set1_epi32(four_bytes(offset + m * row_bytes));
  for (int32_t j = 0; j < quads; ++j) {
    const __m256i w[2] = {load_half(weights + 64 * j), load_half(weights + 64 * j + 32)};
    const __m256i even[2] = {even_bytes<kUnsigned>(w[0]), even_bytes<kUnsigned>(w[1])};
    const __m256i odd[2] = {odd_bytes<kUnsigned>(w[0]), odd_bytes<kUnsigned>(w[1])};
    for (int m = 0; m < kRows; ++m) {
      const __m256i a = _mm256_set1_epi32(four_bytes(q + m * row_bytes + 4 * j));
      const __m256i a_even = even_bytes<!kUnsigned>(a);
      const __m256i a_odd = odd_bytes<!kUnsigned>(a);
      for (int half = 0; half < 2; ++half) {
        acc[m][half] = _mm256_add_epi32(acc[m][half], _mm256_madd_epi16(even[half], a_even));
        acc[m][half] = _mm256_add_epi32(acc[m][half], _mm256_madd_epi16(odd[half], a_odd));
      }
    }
  }
  for (int half = 0; half < 2; ++half) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(multipliers + 8 * half));
    const __m256 factor = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    for (int m = 0; m < kRows; ++m) {
      y[m][half] = add_scaled(y[m][half], acc[m][half], float_at(scale + m * row_bytes), factor);
    }
  }
}

template <bool kUnsigned>
struct Kernel {
  template <int kRows>
  static void run(const MatmulArgs& args, int32_t tile, int32_t row) {
    const uint8_t* weights = args.weights + tile * i8_tile_bytes(args.k);
    const Activations first = activations_at(args, row);
    const int64_t row_bytes = quantized_row_bytes(args.k);
    __m256 y[count(kRows)][2];
    for (int m = 0; m < kRows; ++m) y[m][0] = y[m][1] = _mm256_setzero_ps();
    for (int32_t g = 0; g < n_groups(args.k); ++g) {
      const int32_t input = g * kScaleGroup;
      add_group<kRows, kUnsigned>(weights + i8_weight_offset(args.k, 0, input),
                                  pieces(inputs_of(args.k, input, kScaleGroup), 4),
                                  weights + i8_multiplier_offset(args.k, 0, input), first, row_bytes, g, y);
    }
    const auto* scale = reinterpret_cast<const float*>(weights + i8_tile_scale_offset(args.k));
    for (int m = 0; m < kRows; ++m) {
      for (int half = 0; half < 2; ++half) {
        store_result(args, tile * kTile + 8 * half, row + m, y[m][half], _mm256_load_ps(scale + 8 * half));
      }
    }
  }
};

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* /*scratch*/) {
  if (args->unsigned_rows != 0) {
    for_blocks(*args, tile_begin, tile_end, row_begin, row_end, Kernel<true>{});
  } else {
    for_blocks(*args, tile_begin, tile_end, row_begin, row_end, Kernel<false>{});
  }
}

void gemv_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  gemm_i8(args, tile_begin, tile_end, 0, args->m, nullptr);
}

}  // namespace

namespace inferbench::cpu_quant {

void add_matmul_i8_avx2(KernelTable* table) {
  table->gemv_i8 = gemv_i8;
  table->gemm_i8 = gemm_i8;
}

}  // namespace inferbench::cpu_quant
