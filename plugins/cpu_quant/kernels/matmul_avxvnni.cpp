// SPDX-License-Identifier: Apache-2.0
//
// Weights times any number of rows with AVX-VNNI: the dot product of AVX-512 VNNI in registers of 256 bits, for
// processors without AVX-512. It adds up in 32 bits, so nothing saturates. int4 weights are made int8 first, which
// pays for many rows only: few stay with AVX2.
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

// Eight multipliers of half a group, in both 16-bit numbers of a channel, and 128 - 8 * multiplier in all of its bytes.
struct Expansion {
  __m256i multipliers;
  __m256i offsets;

  explicit Expansion(__m256i nibbles)
      : multipliers(_mm256_add_epi16(_mm256_or_si256(nibbles, _mm256_slli_epi32(nibbles, 16)), _mm256_set1_epi16(1))) {
    const __m256i word = _mm256_sub_epi16(_mm256_set1_epi16(128), _mm256_slli_epi16(multipliers, 3));
    offsets = _mm256_or_si256(word, _mm256_slli_epi16(word, 8));
  }

  // Codes at bit 0 of each byte as value + 128. Two codes in 16 bits times one multiplier: 15 * 16 < 256, so nothing is
  // carried from byte to byte.
  [[nodiscard]] __m256i of(__m256i codes) const {
    const __m256i nibbles = _mm256_and_si256(codes, _mm256_set1_epi8(0x0f));
    return _mm256_add_epi8(_mm256_mullo_epi16(nibbles, multipliers), offsets);
  }
};

// The eight lines of a group as the int8 layout has them.
inline void expand_group(const uint8_t* codes, const uint8_t* multipliers, uint8_t* lines) {
  for (int half = 0; half < 2; ++half) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(multipliers + 8 * half));
    const __m256i both = _mm256_cvtepu8_epi32(bytes);
    const Expansion low(_mm256_and_si256(both, _mm256_set1_epi32(15)));
    const Expansion high(_mm256_srli_epi32(both, 4));
    for (int j = 0; j < 4; ++j) {
      const __m256i line = load_half(codes + 64 * j + 32 * half);
      auto* out = reinterpret_cast<__m256i*>(lines + 64 * j + 32 * half);
      _mm256_store_si256(out, low.of(line));
      _mm256_store_si256(out + 8, high.of(_mm256_srli_epi16(line, 4)));
    }
  }
}

constexpr int64_t kGroupBytes = 8 * 64;

// An int4 tile expanded to int8, once for many rows. Padding inputs are 0, so all of its groups are whole.
struct ExpandedTile {
  const uint8_t* packed;
  const uint8_t* expanded;
  int32_t k;
  int32_t groups;

  ExpandedTile(const MatmulArgs& args, int32_t tile, uint8_t* scratch)
      : packed(args.weights + tile * i4_tile_bytes(args.k)), expanded(scratch), k(args.k), groups(n_groups(args.k)) {
    for (int32_t g = 0; g < groups; ++g) {
      const int32_t first = g * kScaleGroup;
      expand_group(packed + i4_code_offset(k, 0, first), packed + i4_multiplier_offset(k, 0, first),
                   scratch + g * kGroupBytes);
    }
  }

  [[nodiscard]] const uint8_t* lines(int32_t g) const { return expanded + g * kGroupBytes; }
  [[nodiscard]] __m256 factor(int32_t g, int half) const {
    const uint8_t* scales = packed + i4_scale_offset(k, 0, g / (kSuperBlock / kScaleGroup));
    return _mm256_load_ps(reinterpret_cast<const float*>(scales) + 8 * half);
  }
  [[nodiscard]] static __m256 scale(int /*half*/) { return _mm256_set1_ps(1.0F); }
};

static_assert(n_groups(1) * kGroupBytes <= gemm_scratch_bytes(1) &&
              n_groups(6403) * kGroupBytes <= gemm_scratch_bytes(6403));

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
    const ExpandedTile weights(*args, tile, scratch);
    for_row_block_pairs(Tile<SignedDots, FetchAhead::Nowhere, ExpandedTile>{*args, tile, weights}, row_begin, row_end);
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_matmul_avxvnni(KernelTable* table, FetchAhead ahead) {
  table->gemv_i8 = gemv_that_fetches<Gemv>(ahead);
  table->gemm_i8 = gemm_i8;
  table->gemm_i4 = gemm_i4;
}

}  // namespace inferbench::cpu_quant
