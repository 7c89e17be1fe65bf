// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times any number of rows with AVX-VNNI: the dot product of AVX-512 VNNI in registers of 256 bits, for
// processors without AVX-512. It adds up in 32 bits, so nothing saturates.
#include "parts.h"
#include "tile_i8_ymm.h"

namespace {

struct SumsAt : GroupAt {
  int64_t offset;

  SumsAt(int32_t k, int32_t g) : GroupAt(k, g), offset(anew(row_sum_offset(k) + int64_t{g} * 4)) {}
};

// acc + four products of unsigned and signed bytes in each lane, there: see add_32.
inline void add_products(__m256i& acc, __m256i u8, __m256i s8) {
  __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(u8), "x"(s8));
}

template <bool kUnsigned>
struct Dots {
  template <int kRows>
  static void add_line(const uint8_t* line, const RowPointers<kRows>& rows, int64_t at,
                       __m256i (&acc)[count(kRows)][2]) {
    const __m256i w[2] = {load_half(line), load_half(line + 32)};
    for (int m = 0; m < kRows; ++m) {
      const __m256i a = _mm256_set1_epi32(four_bytes(rows.row[m] + at));
      for (int half = 0; half < 2; ++half) {
        add_products(acc[m][half], kUnsigned ? a : w[half], kUnsigned ? w[half] : a);
      }
    }
  }
};

struct SignedDots : Dots<false> {
  using At = SumsAt;

  // The weights are 128 too large.
  static __m256i start(const uint8_t* row, const At& at) { return _mm256_set1_epi32(four_bytes(row + at.offset)); }
};

struct UnsignedDots : Dots<true> {
  using At = GroupAt;

  static __m256i start(const uint8_t* /*row*/, const At& /*at*/) { return _mm256_setzero_si256(); }
};

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* /*scratch*/) {
  multiply_tiles<SignedDots, UnsignedDots, FetchAhead::Nowhere>(*args, tile_begin, tile_end, row_begin, row_end);
}

template <FetchAhead kAhead>
struct Gemv {
  static void multiply(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
    multiply_tiles<SignedDots, UnsignedDots, kAhead>(*args, tile_begin, tile_end, 0, args->m);
  }
};

}  // namespace

namespace inferbench::cpu_quant {

void add_matmul_i8_avxvnni(KernelTable* table, FetchAhead ahead) {
  table->gemv_i8 = gemv_that_fetches<Gemv>(ahead);
  table->gemm_i8 = gemm_i8;
}

}  // namespace inferbench::cpu_quant
