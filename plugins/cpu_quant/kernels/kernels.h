// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of cpu_quant compute, and the table through which the engine calls them. The layouts: layout.h.
//
// Numbers. An int8 weight is S * m * w: w in [-127, 127], an 8-bit multiplier m per (output channel, group of 32
// inputs), an f32 scale S per channel. An int4 weight is S * s * (u - 8): a 4-bit code u in 0..15, a multiplier s
// in 1..16 per (channel, half group of 16 inputs), an f32 scale S per (channel, super-block of 256 inputs). Activations
// are 8-bit with an f32 scale per (row, group of 32). The products inside a group are exact integers:
//
//   int8:  y = sum over groups g, in order, by fused multiply-add:
//              fma(float(sum_k a[m][k] * w[n][k]), a_scale[m][g] * float(m[n][g]), y)
//          c[m][n] = fma(y, S[n], init)
//   int4:  the same with s * (u - 8) for w, S[n][super-block of g] for m[n][g], and 1 for S[n]
//   init = (accumulate ? c[m][n] : 0) + (bias ? bias[n] : 0)
//
// so every instruction set, gemv and gemm give the same bits; but for gemm on AMX, which has neither a place for a
// scale of 32 inputs in its sums nor, without one, a use for 8-bit activations. There rows and weights become bf16:
//
//   y = sum over k of bf16(a[m][k]) * bf16(w[n][k] * m[n][group of k])       int4: bf16((u - 8) * (s * S))
//   c[m][n] as above
//
// with exact products, added in f32 in the order of the instruction. A row's value is rounded to the nearest bf16,
// halves to even; a weight's (int4: after s * S and the product with it were rounded to f32) with halves away from
// zero. Subnormal numbers are 0.
//
// The kernel files include this header, layout.h and <immintrin.h>, <stdint.h> only; everything here has internal
// linkage, so that no copy compiled for a newer instruction set can reach another object.
#pragma once

#include <stdint.h>

#include "layout.h"

namespace inferbench::cpu_quant {

// ---- matrix products -------------------------------------------------------------------------------------------

// C[m][n] = A[m][k] * transpose(W[n][k]), as the head of this file says.
struct MatmulArgs {
  const uint8_t* weights;  // packed, 64-byte aligned: i8_bytes(n, k) or i4_bytes(n, k)
  const uint8_t* rows;     // m rows as gemv_rows or gemm_rows of the table writes them, 64-byte aligned
  float* c;                // [m] rows of n floats, ldc apart; any alignment
  int64_t ldc;             // in floats
  const float* bias;       // n floats, or null
  int32_t m;
  int32_t n;
  int32_t k;
  int32_t accumulate;     // 1: add to what c holds (residual); 0: overwrite
  int32_t unsigned_rows;  // 1: rows are u8 and weights s8 (int8 only); 0: rows are s8 and weights u8 = w + 128, or int4
};

// Bytes of scratch (64-byte aligned) that gemm_i8 and gemm_i4 need, one per thread: a panel with its multipliers as
// floats, or two tiles as bf16.
static constexpr int64_t gemm_scratch_bytes(int32_t k) {
  return largest_of(kPanelTiles * (i8_tile_bytes(k) + int64_t{n_groups(k)} * kTile * 4),
                    int64_t{2} * n_groups(k) * kScaleGroup * kTile * 2);
}

// ---- activation functions --------------------------------------------------------------------------------------

static constexpr int32_t kActivationGeluTanh = 0;  // as IB_ACTIVATION_*
static constexpr int32_t kActivationGeluErf = 1;
static constexpr int32_t kActivationRelu = 2;
static constexpr int32_t kActivationSilu = 3;

// ---- norms -----------------------------------------------------------------------------------------------------

// Layer norm, (x - mean) / sqrt(variance + epsilon) * weight + bias with the biased variance; or, where bias is null,
// RMS norm, x / sqrt(mean of x^2 + epsilon) * weight.
struct NormArgs {
  const float* weight;
  const float* bias;
  float epsilon;
};

// ---- attention ------------------------------------------------------------------------------------------------------

// Heads of one sequence: row r is at position first_position + r and sees the positions from first_seen(...) to that,
// itself included. Heads are those of keys and values; each is shared by queries_per_head heads of queries, which
// follow each other.
struct AttentionArgs {
  const float* q;           // n_rows rows of n_heads * queries_per_head * head_dim floats, q_stride apart
  const float* k;           // kv_append: n_rows rows of n_heads * head_dim new keys and values, kv_stride apart
  const float* v;           //
  float* out;               // rows as q, out_stride apart
  uint8_t* cache;           // the group: kv_group_bytes(kv_type, capacity, head_dim, group_heads)
  void* scratch;            // attention_scratch_bytes(...) for the heads of queries, 64-byte aligned, one per thread
  const uint8_t* upcoming;  // attention of few rows prefetches this many bytes, which the caller wants next; may be 0
  int64_t upcoming_bytes;
  const float* rotary;  // of row r, from r * rotary_stride on: head_dim / 2 cosines, then as many sines, both times
                        // what the rotation scales by; null: queries and keys are not rotated
  const float* q_norm;  // head_dim weights of the RMS norm of each query before its rotation; null: none
  const float* k_norm;  // the same of each key
  int64_t q_stride;     // in floats, as all strides here
  int64_t kv_stride;
  int64_t out_stride;
  int64_t rotary_stride;
  int32_t n_rows;
  int32_t first_position;
  int32_t head_dim;  // 1 to 1024
  int32_t group_heads;
  int32_t first_head;  // heads [first_head, first_head + n_heads) of the group
  int32_t n_heads;
  int32_t queries_per_head;
  int32_t capacity;    // positions of the cache; first_position + n_rows <= capacity
  int32_t window;      // see first_seen
  int32_t kv_type;     // kKv*
  float scale;         // scores are scale * q k^T
  float soft_cap;      // and then soft_cap * tanh(score / soft_cap); 0: not
  float norm_epsilon;  // of q_norm and k_norm
};

// The first position that a row at `position` sees: of the nearest `window` ones, its own among them; 0: of all.
static constexpr int32_t first_seen(int32_t position, int32_t window) {
  return window > 0 && position >= window ? position + 1 - window : 0;
}

// Up to this many query rows, attention passes once over the keys and values of all of its heads, a row at a time.
static constexpr int32_t kAttentionFewRows = 3;
// It takes keys in chunks, cut at multiples of this many positions, and merges what they give in their order. So
// several threads may share the chunks without changing a bit.
static constexpr int32_t kAttentionChunk = 512;

// Chunks that hold positions [first, end).
static constexpr int32_t attention_chunks(int32_t first, int32_t end) {
  return ceil_div(end, kAttentionChunk) - first / kAttentionChunk;
}

// What a chunk gives one head of queries: head_dim sums, rounded up to 16, then the largest score and the sum of
// probabilities relative to it, 0 where the row sees nothing of the chunk.
static constexpr int64_t attention_part_floats(int32_t head_dim) {
  return round_up(head_dim, 16) + 16;
}

// More are taken head after head in blocks of rows, with an online softmax over blocks of keys.
static constexpr int32_t kAttentionRows = 48;
static constexpr int32_t kAttentionKeys = 64;
static constexpr int32_t kAmxAttentionRows = 128;
static constexpr int32_t kAmxAttentionKeys = 256;

// Of a block on AMX: keys in two parts and values as bf16; queries in two parts; scores, probabilities, the result.
static constexpr int64_t amx_attention_bytes(int32_t head_dim) {
  const int64_t dim = round_up(head_dim, 32);
  return kAmxAttentionKeys * dim * 6 + kAmxAttentionRows * (dim * 8 + 72) + 32 * (kAmxAttentionKeys * 6 + 64 + 128);
}

// n_heads: of queries.
static constexpr int64_t attention_scratch_bytes(int32_t head_dim, int32_t capacity, int32_t n_heads) {
  const int64_t dim = round_up(head_dim, 16);
  const int64_t many = 2 * kAttentionKeys * dim + kAttentionRows * (2 * dim + kAttentionKeys + 32);
  const int64_t scores = capacity < kAttentionChunk ? round_up(capacity, kKvBlock) : kAttentionChunk;
  const int64_t few = n_heads * (3 * dim + scores + 2 * attention_part_floats(head_dim));
  return largest_of(4 * largest_of(many, few), amx_attention_bytes(head_dim));
}

// ---- the table --------------------------------------------------------------------------------------------------

enum class Isa : int32_t { Auto = 0, Generic = 1, Avx2 = 2, AvxVnni = 3, Avx512Vnni = 4, Amx = 5 };

// What writes the rows of a product, row_bytes(format, k) apart.
struct RowKernels {
  RowFormat format;

  // m rows of floats, stride floats apart, to that part of m signed rows; x: the part's first input.
  void (*from_floats)(const float* x, int64_t stride, int32_t m, RowPart part, uint8_t* rows);
  // The norm of m rows of k floats.
  void (*from_norm)(const float* x, int64_t stride, int32_t m, int32_t k, const NormArgs* norm, uint8_t* rows);
  // activation(x) (kActivation*), as from_floats: signed (unsigned_rows = 0), or unsigned with kGeluShift or kReluShift
  // (1; not of SiLU). x becomes activation(x).
  void (*from_activation)(float* x, int64_t stride, int32_t m, RowPart part, int32_t activation, int32_t unsigned_rows,
                          uint8_t* rows);
  // activation(gate) * up to that part of signed rows, where x is 16 gates, the 16 values of up that belong to them, 16
  // gates, ...; the last sixteens are whole. x becomes the products, side by side.
  void (*from_gated)(float* x, int64_t stride, int32_t m, RowPart part, int32_t activation, uint8_t* rows);
};

// All functions: any thread, no allocation, no state; arguments checked by the caller.
struct KernelTable {
  Isa isa;
  const char* name;  // "generic", "avx2", "avxvnni", "avx512vnni", "amx"

  // Columns of tiles [tile_begin, tile_end) for all m rows, m <= kMaxGemvRows. Made to stream the weights once.
  void (*gemv_i8)(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end);
  void (*gemv_i4)(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end);

  // Columns of tiles [tile_begin, tile_end) for rows [row_begin, row_end), any number of them. scratch:
  // gemm_scratch_bytes(k), in which each panel of tiles is prepared once per call.
  void (*gemm_i8)(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
                  uint8_t* scratch);
  void (*gemm_i4)(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
                  uint8_t* scratch);

  // Up to this many rows, gemv is faster, kMaxGemvRows at a time, tile after tile.
  int32_t streamed_rows;

  // Rows for gemv, always quantized, and for gemm.
  RowKernels gemv_rows;
  RowKernels gemm_rows;

  // x += norm(y), m rows of k floats each.
  void (*add_norm)(const float* y, int64_t y_stride, int32_t m, int32_t k, const NormArgs* norm, float* x,
                   int64_t x_stride);

  // x = cap * tanh(x / cap), n floats.
  void (*soft_cap)(float* x, int32_t n, float cap);

  // Index of the largest of n >= 1 floats, the lowest where equal; NaNs lose against all else.
  int32_t (*argmax)(const float* x, int32_t n);

  // out[i] = weight (channel, i) of a packed matrix with k inputs, plus add[i] where add is not null. A weight is its
  // integer (m * w or s * (u - 8)) times S, rounded once. int8: of a matrix for signed rows.
  void (*dequantize_row_i8)(const uint8_t* weights, int32_t k, int32_t channel, const float* add, float* out);
  void (*dequantize_row_i4)(const uint8_t* weights, int32_t k, int32_t channel, const float* add, float* out);

  // Writes keys, normalized and rotated, and values of the rows into the cache at their positions.
  void (*kv_append)(const AttentionArgs* args);
  // out = softmax(scores of what the row sees) V for every row; the rows' own keys and values are already in the cache.
  // Of at most kAttentionFewRows rows, and of any number, made for many. On AMX the latter rounds probabilities and
  // values to bf16. A NaN propagates to every row that attends to it; attention_many may also poison other rows of its
  // tile.
  void (*attention_few)(const AttentionArgs* args);
  void (*attention_many)(const AttentionArgs* args);
  // attention_few in two steps: a chunk of the keys, which begins at position chunk * kAttentionChunk, to part[n_rows]
  // [heads of queries][attention_part_floats(head_dim)]; and n_parts such parts of consecutive chunks to out.
  void (*attention_part)(const AttentionArgs* args, int32_t chunk, float* part);
  void (*attention_merge)(const AttentionArgs* args, float* parts, int32_t n_parts);
  int32_t attention_rows;  // of attention_many, in one item, at most
};

// The table of an instruction set, Auto: the best that this processor and operating system run; null where they lack
// it.
const KernelTable* select_kernels(Isa isa);

}  // namespace inferbench::cpu_quant
