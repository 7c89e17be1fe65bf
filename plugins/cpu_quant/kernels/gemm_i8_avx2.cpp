// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times many rows. AVX2's u8 x s8 product saturates at 16 bits, so both sides are made 16-bit numbers
// first, a pair of tiles and a block of rows at a time: even and odd inputs of each four, where they stand in the
// packed order. Then each vpmaddwd is followed by nothing but its addition.
#include "matmul_avx2.h"
#include "parts.h"

namespace {

constexpr int kPanel = 2;        // tiles made 16-bit at once
constexpr int kLineNumbers = 4;  // registers that a line (4 inputs of 16 channels) becomes: even and odd, by halves

constexpr int64_t scratch_bytes(int32_t k) {
  return int64_t{ceil_div(k, 4)} * (kPanel * kLineNumbers * 32 + kRowBlock * 2 * 4);
}

static_assert(scratch_bytes(1) <= gemm_scratch_bytes(1) && scratch_bytes(33) <= gemm_scratch_bytes(33) &&
              scratch_bytes(768) <= gemm_scratch_bytes(768) && scratch_bytes(6403) <= gemm_scratch_bytes(6403));

struct Scratch {
  __m256i* weights;  // [tile][quad][kLineNumbers]
  int32_t* rows;     // [row][quad][2]: even and odd inputs
  int32_t quads;

  Scratch(uint8_t* bytes, int32_t k)
      : weights(reinterpret_cast<__m256i*>(bytes)),
        rows(reinterpret_cast<int32_t*>(weights + int64_t{kPanel} * ceil_div(k, 4) * kLineNumbers)),
        quads(ceil_div(k, 4)) {}
};

template <bool kUnsigned>
inline void widen_tile(const MatmulArgs& args, int32_t tile, int32_t quads, __m256i* out) {
  const uint8_t* weights = args.weights + tile * i8_tile_bytes(args.k);
  const __m256i offset = _mm256_set1_epi8(kUnsigned ? 0 : -128);
  for (int32_t j = 0; j < quads; ++j) {
    const uint8_t* line = weights + i8_weight_offset(args.k, 0, 4 * j);
    for (int half = 0; half < 2; ++half) {
      const __m256i w = _mm256_xor_si256(load_half(line + 32 * half), offset);
      _mm256_store_si256(out++, even_bytes<true>(w));
      _mm256_store_si256(out++, odd_bytes<true>(w));
    }
  }
}

// Quads of a row, eight at a time: their padding is zeros (padded_inputs), and what follows it is never used.
template <bool kUnsigned>
inline void widen_row(const int8_t* q, int32_t quads, int32_t* out) {
  int32_t j = 0;
  for (; j + 8 <= quads; j += 8) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + int64_t{4} * j));
    const __m256i even = even_bytes<!kUnsigned>(a);
    const __m256i odd = odd_bytes<!kUnsigned>(a);
    const __m256i low = _mm256_unpacklo_epi32(even, odd);   // quads 0, 1 and 4, 5
    const __m256i high = _mm256_unpackhi_epi32(even, odd);  // quads 2, 3 and 6, 7
    auto* to = reinterpret_cast<__m256i*>(out + int64_t{2} * j);
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
  }
  for (; j < quads; ++j) {
    const __m256i a = _mm256_set1_epi32(four_bytes(q + int64_t{4} * j));
    out[2 * j] = _mm256_cvtsi256_si32(even_bytes<!kUnsigned>(a));
    out[2 * j + 1] = _mm256_cvtsi256_si32(odd_bytes<!kUnsigned>(a));
  }
}

// One group: `quads` lines of a widened tile. kQuads: their number where known, else 0.
template <int kRows, int kQuads>
inline void add_group(const __m256i* weights, const int32_t* rows, int64_t row_step, int32_t quads,
                      const uint8_t* multipliers, const uint8_t* scale, int64_t row_bytes,
                      __m256 (&y)[count(kRows)][2]) {
  __m256i acc[count(kRows)][2];
  for (int m = 0; m < kRows; ++m) acc[m][0] = acc[m][1] = _mm256_setzero_si256();
  for (int32_t j = 0; j < (kQuads > 0 ? kQuads : quads); ++j) {
    const __m256i* w = weights + int64_t{kLineNumbers} * j;
    for (int parity = 0; parity < 2; ++parity) {
      for (int m = 0; m < kRows; ++m) {
        const __m256i a = _mm256_set1_epi32(rows[m * row_step + 2 * j + parity]);
        for (int half = 0; half < 2; ++half) {
          add_32(acc[m][half], _mm256_madd_epi16(w[2 * half + parity], a));
        }
      }
    }
  }
  for (int half = 0; half < 2; ++half) {
    const __m256 factor = factors_of(multipliers + 8 * half);
    for (int m = 0; m < kRows; ++m) {
      y[m][half] = add_scaled(y[m][half], acc[m][half], float_at(scale + m * row_bytes), factor);
    }
  }
}

template <int kRows>
void multiply_tile(const MatmulArgs& args, const Scratch& scratch, const __m256i* wide, int32_t tile, int32_t row) {
  const uint8_t* weights = args.weights + tile * i8_tile_bytes(args.k);
  const auto* scale = reinterpret_cast<const uint8_t*>(activations_at(args, row).scale);
  const int64_t row_bytes = quantized_row_bytes(args.k);
  const int64_t row_step = int64_t{2} * scratch.quads;
  __m256 y[count(kRows)][2];
  for (int m = 0; m < kRows; ++m) y[m][0] = y[m][1] = _mm256_setzero_ps();
  const int32_t full = args.k / kScaleGroup;
  for (int32_t g = 0; g < full; ++g) {
    add_group<kRows, 8>(wide + int64_t{8} * kLineNumbers * g, scratch.rows + int64_t{16} * g, row_step, 8,
                        weights + i8_multiplier_offset(args.k, 0, g * kScaleGroup), scale + int64_t{4} * g, row_bytes,
                        y);
  }
  if (full * kScaleGroup < args.k) {
    add_group<kRows, 0>(wide + int64_t{8} * kLineNumbers * full, scratch.rows + int64_t{16} * full, row_step,
                        scratch.quads - 8 * full, weights + i8_multiplier_offset(args.k, 0, full * kScaleGroup),
                        scale + int64_t{4} * full, row_bytes, y);
  }
  const auto* last = reinterpret_cast<const float*>(weights + i8_tile_scale_offset(args.k));
  for (int m = 0; m < kRows; ++m) {
    for (int half = 0; half < 2; ++half) {
      store_result(args, tile * kTile + 8 * half, row + m, y[m][half], _mm256_load_ps(last + 8 * half));
    }
  }
}

// A panel of tiles for a block of rows.
template <bool kUnsigned>
struct Panel {
  const MatmulArgs& args;
  const Scratch& scratch;
  int32_t tile;
  int32_t tiles;

  template <int kRows>
  void run(int32_t row) const {
    const int64_t row_bytes = quantized_row_bytes(args.k);
    const int8_t* q = activations_at(args, row).q;
    for (int m = 0; m < kRows; ++m) {
      widen_row<kUnsigned>(q + m * row_bytes, scratch.quads, scratch.rows + int64_t{2} * scratch.quads * m);
    }
    for (int32_t t = 0; t < tiles; ++t) {
      multiply_tile<kRows>(args, scratch, scratch.weights + int64_t{t} * scratch.quads * kLineNumbers, tile + t, row);
    }
  }
};

template <bool kUnsigned>
void multiply(const MatmulArgs& args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
              const Scratch& scratch) {
  for (int32_t tile = tile_begin; tile < tile_end; tile += kPanel) {
    const int32_t tiles = tile_end - tile < kPanel ? tile_end - tile : kPanel;
    for (int32_t t = 0; t < tiles; ++t) {
      widen_tile<kUnsigned>(args, tile + t, scratch.quads, scratch.weights + int64_t{t} * scratch.quads * kLineNumbers);
    }
    for_row_blocks(Panel<kUnsigned>{args, scratch, tile, tiles}, row_begin, row_end);
  }
}

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  const Scratch parts(scratch, args->k);
  if (args->unsigned_rows != 0) {
    multiply<true>(*args, tile_begin, tile_end, row_begin, row_end, parts);
  } else {
    multiply<false>(*args, tile_begin, tile_end, row_begin, row_end, parts);
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemm_i8_avx2(KernelTable* table) {
  table->gemm_i8 = gemm_i8;
}

}  // namespace inferbench::cpu_quant
