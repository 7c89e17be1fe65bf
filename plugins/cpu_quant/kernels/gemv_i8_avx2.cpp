// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times up to kMaxGemvRows rows. AVX2's u8 x s8 product saturates at 16 bits. Signed rows: |w| * (a with
// the sign of w) is at most 127 * 127 * 2 < 2^15. Unsigned rows could reach 255 * 127 * 2, so their bytes are taken
// apart into even and odd inputs, which are 16-bit numbers where they stand, and multiplied with vpmaddwd.
#include "parts.h"
#include "tile_i8_ymm.h"

namespace {

struct SignedDots {
  using At = GroupAt;

  static __m256i start(const uint8_t* /*row*/, const At& /*at*/) { return _mm256_setzero_si256(); }

  template <int kRows>
  static void add_line(const uint8_t* line, const RowPointers<kRows>& rows, int64_t at,
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
};

struct UnsignedDots {
  using At = GroupAt;

  static __m256i start(const uint8_t* /*row*/, const At& /*at*/) { return _mm256_setzero_si256(); }

  template <int kRows>
  static void add_line(const uint8_t* line, const RowPointers<kRows>& rows, int64_t at,
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
};

template <FetchAhead kAhead>
struct Gemv {
  static void multiply(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
    multiply_tiles<SignedDots, UnsignedDots, kAhead>(*args, tile_begin, tile_end, 0, args->m);
  }
};

}  // namespace

namespace inferbench::cpu_quant {

void add_gemv_i8_avx2(KernelTable* table, FetchAhead ahead) {
  table->gemv_i8 = gemv_that_fetches<Gemv>(ahead);
}

}  // namespace inferbench::cpu_quant
