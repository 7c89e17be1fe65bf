// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times up to kMaxGemvRows rows. AVX2's u8 x s8 product saturates at 16 bits. Signed rows: |w| * (a with
// the sign of w) is at most 127 * 127 * 2 < 2^15. Unsigned rows could reach 255 * 127 * 2, so their bytes are taken
// apart into even and odd inputs, which are 16-bit numbers where they stand, and multiplied with vpmaddwd.
#include "matmul_avx2.h"
#include "parts.h"

namespace {

// acc[m] += 4 inputs of 16 channels: one line of weights.
template <int kRows>
inline void add_signed_line(const uint8_t* line, const RowPointers<kRows>& rows, int64_t at,
                            __m256i (&acc)[count(kRows)][2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i offset = _mm256_set1_epi8(-128);
  const __m256i w[2] = {_mm256_xor_si256(load_half(line), offset), _mm256_xor_si256(load_half(line + 32), offset)};
  const __m256i magnitude[2] = {_mm256_abs_epi8(w[0]), _mm256_abs_epi8(w[1])};
  for (int m = 0; m < kRows; ++m) {
    const __m256i a = _mm256_set1_epi32(four_bytes(rows.row[m] + at));
    for (int half = 0; half < 2; ++half) {
      const __m256i pairs = _mm256_maddubs_epi16(magnitude[half], _mm256_sign_epi8(a, w[half]));
      add_32(acc[m][half], _mm256_madd_epi16(pairs, ones));
    }
  }
}

template <int kRows>
inline void add_unsigned_line(const uint8_t* line, const RowPointers<kRows>& rows, int64_t at,
                              __m256i (&acc)[count(kRows)][2]) {
  const __m256i w[2] = {load_half(line), load_half(line + 32)};
  const __m256i even[2] = {even_bytes<true>(w[0]), even_bytes<true>(w[1])};
  const __m256i odd[2] = {odd_bytes<true>(w[0]), odd_bytes<true>(w[1])};
  for (int m = 0; m < kRows; ++m) {
    const __m256i a = _mm256_set1_epi32(four_bytes(rows.row[m] + at));
    const __m256i a_even = even_bytes<false>(a);
    const __m256i a_odd = odd_bytes<false>(a);
    for (int half = 0; half < 2; ++half) {
      add_32(acc[m][half], _mm256_madd_epi16(even[half], a_even));
      add_32(acc[m][half], _mm256_madd_epi16(odd[half], a_odd));
    }
  }
}

// One group of a tile for kRows rows: `quads` lines from weights on. kQuads: their number where known, else 0.
template <int kRows, bool kUnsigned, int kQuads>
inline void add_rows(const uint8_t* weights, int32_t quads, const __m256 (&factor)[2], const RowPointers<kRows>& rows,
                     const GroupAt& at, __m256 (*y)[2]) {
  weights = anew(weights);
  __m256i acc[count(kRows)][2];
  for (int m = 0; m < kRows; ++m) acc[m][0] = acc[m][1] = _mm256_setzero_si256();
  for (int32_t j = 0; j < (kQuads > 0 ? kQuads : quads); ++j) {
    if (kUnsigned) {
      add_unsigned_line<kRows>(weights + 64 * j, rows, at.q + 4 * j, acc);
    } else {
      add_signed_line<kRows>(weights + 64 * j, rows, at.q + 4 * j, acc);
    }
  }
  for (int m = 0; m < kRows; ++m) {
    for (int half = 0; half < 2; ++half) {
      y[m][half] = add_scaled(y[m][half], acc[m][half], float_at(rows.row[m] + at.scale), factor[half]);
    }
  }
}

// A tile for a block of kFirst rows and one of kSecond, group by group.
template <bool kUnsigned>
struct Tile {
  const MatmulArgs& args;
  int32_t tile;

  template <int kFirst, int kSecond>
  void run(int32_t row) const {
    const uint8_t* weights = args.weights + tile * i8_tile_bytes(args.k);
    const RowPointers<kFirst> first(args, row);
    const RowPointers<at_least_one(kSecond)> second(args, row + (kSecond > 0 ? kFirst : 0));
    __m256 y[count(kFirst + kSecond)][2];
    for (auto& sums : y) sums[0] = sums[1] = _mm256_setzero_ps();
    const auto add_group = [&]<int kQuads>(int32_t g, int32_t quads) {
      const uint8_t* lines = weights + i8_weight_offset(args.k, 0, g * kScaleGroup);
      const uint8_t* multipliers = weights + i8_multiplier_offset(args.k, 0, g * kScaleGroup);
      const __m256 factor[2] = {factors_of(multipliers), factors_of(multipliers + 8)};
      add_rows<kFirst, kUnsigned, kQuads>(lines, quads, factor, first, GroupAt(args.k, g), y);
      if constexpr (kSecond > 0) {
        add_rows<kSecond, kUnsigned, kQuads>(lines, quads, factor, second, GroupAt(args.k, g), y + kFirst);
      }
    };
    const int32_t full = args.k / kScaleGroup;
    for (int32_t g = 0; g < full; ++g) add_group.template operator()<8>(g, 8);
    if (full * kScaleGroup < args.k) add_group.template operator()<0>(full, pieces(args.k - full * kScaleGroup, 4));
    const auto* scale = reinterpret_cast<const float*>(weights + i8_tile_scale_offset(args.k));
    for (int m = 0; m < kFirst + kSecond; ++m) {
      for (int half = 0; half < 2; ++half) {
        store_result(args, tile * kTile + 8 * half, row + m, y[m][half], _mm256_load_ps(scale + 8 * half));
      }
    }
  }
};

void gemv_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
    if (args->unsigned_rows != 0) {
      for_row_block_pairs(Tile<true>{*args, tile}, 0, args->m);
    } else {
      for_row_block_pairs(Tile<false>{*args, tile}, 0, args->m);
    }
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemv_i8_avx2(KernelTable* table) {
  table->gemv_i8 = gemv_i8;
}

}  // namespace inferbench::cpu_quant
