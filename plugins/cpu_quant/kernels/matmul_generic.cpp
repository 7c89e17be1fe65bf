// SPDX-License-Identifier: Apache-2.0
//
// The matrix products in plain C++: what the other instruction sets must equal bit for bit.
#include "matmul_common.h"
#include "parts.h"

namespace {

// Where a group of weights is: its quads of inputs (int8) or lines of codes (int4), and its multipliers.
struct Group {
  const uint8_t* quads;
  const uint8_t* multipliers;
};

// acc[channel] += sum over a group of stored weight * q; where the weights have an offset of 128, acc has it already.
template <class Weight, class Value>
void dot_i8(const Group& group, const uint8_t* q, int32_t inputs, int32_t (&acc)[kTile]) {
  for (int32_t i = 0; i < inputs; ++i) {
    const auto a = static_cast<Value>(q[i]);
    for (int32_t c = 0; c < kTile; ++c) {
      acc[c] += static_cast<Weight>(group.quads[i / 4 * 64 + c * 4 + i % 4]) * a;
    }
  }
}

// The same for int4: sum over the halves of s * (sum of u * q - 8 * sum of q).
void dot_i4(const Group& group, const uint8_t* row, const int16_t* half, int32_t inputs, int32_t (&acc)[kTile]) {
  const auto* q = reinterpret_cast<const int8_t*>(row);
  for (int32_t h = 0; h < ceil_div(inputs, kHalfGroup); ++h) {
    for (int32_t c = 0; c < kTile; ++c) {
      int32_t sum = half[h];
      for (int32_t i = 0; i < kHalfGroup; ++i) {
        sum += ((group.quads[i / 4 * 64 + c * 4 + i % 4] >> (4 * h)) & 15) * q[h * kHalfGroup + i];
      }
      acc[c] += (((group.multipliers[c] >> (4 * h)) & 15) + 1) * sum;
    }
  }
}

// The sums of group g, which starts at input `first`, and their factors.
template <bool kInt4>
void sum_group(const MatmulArgs& args, const uint8_t* tile, const Activations& a, int32_t first, int32_t (&acc)[kTile],
               float (&factor)[kTile]) {
  const int32_t k = args.k;
  const int32_t inputs = inputs_of(k, first, kScaleGroup);
  const auto* q = reinterpret_cast<const uint8_t*>(a.q) + first;
  if (kInt4) {
    for (int32_t& sum : acc) sum = 0;
    const Group group = {tile + i4_code_offset(k, 0, first), tile + i4_multiplier_offset(k, 0, first)};
    dot_i4(group, q, a.half + first / kHalfGroup, inputs, acc);
    for (int32_t c = 0; c < kTile; ++c) factor[c] = float_at(tile + i4_scale_offset(k, c, first / kSuperBlock));
    return;
  }
  for (int32_t& sum : acc) sum = a.offset[first / kScaleGroup];
  const Group group = {tile + i8_weight_offset(k, 0, first), tile + i8_multiplier_offset(k, 0, first)};
  if (args.unsigned_rows != 0) {
    dot_i8<int8_t, uint8_t>(group, q, inputs, acc);
  } else {
    dot_i8<uint8_t, int8_t>(group, q, inputs, acc);
  }
  for (int32_t c = 0; c < kTile; ++c) factor[c] = static_cast<float>(group.multipliers[c]);
}

template <bool kInt4>
void multiply_tile(const MatmulArgs& args, int32_t tile, int32_t m) {
  const int32_t k = args.k;
  const Activations a = activations_at(args, m);
  const uint8_t* weights = args.weights + tile * (kInt4 ? i4_tile_bytes(k) : i8_tile_bytes(k));
  float y[kTile] = {};
  for (int32_t first = 0; first < k; first += kScaleGroup) {
    int32_t acc[kTile];
    float factor[kTile];
    sum_group<kInt4>(args, weights, a, first, acc, factor);
    const float scale = a.scale[first / kScaleGroup];
    for (int32_t c = 0; c < kTile; ++c) y[c] = __builtin_fmaf(static_cast<float>(acc[c]), scale * factor[c], y[c]);
  }
  float* out = args.c + m * args.ldc + int64_t{tile} * kTile;
  const int32_t n = inputs_of(args.n, tile * kTile, kTile);
  for (int32_t c = 0; c < n; ++c) {
    float start = args.accumulate != 0 ? out[c] : 0.0F;
    if (args.bias != nullptr) start += args.bias[tile * kTile + c];
    out[c] = kInt4 ? y[c] + start : __builtin_fmaf(y[c], float_at(weights + i8_scale_offset(k, c)), start);
  }
}

template <bool kInt4>
void multiply(const MatmulArgs& args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
    for (int32_t m = row_begin; m < row_end; ++m) multiply_tile<kInt4>(args, tile, m);
  }
}

void gemv_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  multiply<false>(*args, tile_begin, tile_end, 0, args->m);
}

void gemv_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  multiply<true>(*args, tile_begin, tile_end, 0, args->m);
}

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* /*scratch*/) {
  multiply<false>(*args, tile_begin, tile_end, row_begin, row_end);
}

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* /*scratch*/) {
  multiply<true>(*args, tile_begin, tile_end, row_begin, row_end);
}

// The integer of (channel, input) of an int4 matrix.
int32_t value_i4(const uint8_t* weights, int32_t k, int32_t channel, int32_t input) {
  const int32_t shift = i4_shift(input);
  const int32_t code = (weights[i4_code_offset(k, channel, input)] >> shift) & 15;
  const int32_t multiplier = ((weights[i4_multiplier_offset(k, channel, input)] >> shift) & 15) + 1;
  return multiplier * (code - 8);
}

void dequantize_row_i8(const uint8_t* weights, int32_t k, int32_t channel, const float* add, float* out) {
  const float scale = float_at(weights + i8_scale_offset(k, channel));
  for (int32_t i = 0; i < k; ++i) {
    const int32_t value =
        (weights[i8_weight_offset(k, channel, i)] - 128) * weights[i8_multiplier_offset(k, channel, i)];
    const float w = static_cast<float>(value) * scale;
    out[i] = add == nullptr ? w : w + add[i];
  }
}

void dequantize_row_i4(const uint8_t* weights, int32_t k, int32_t channel, const float* add, float* out) {
  for (int32_t i = 0; i < k; ++i) {
    const float w = static_cast<float>(value_i4(weights, k, channel, i)) *
                    float_at(weights + i4_scale_offset(k, channel, i / kSuperBlock));
    out[i] = add == nullptr ? w : w + add[i];
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_matmul_generic(KernelTable* table) {
  table->gemv_i8 = gemv_i8;
  table->gemv_i4 = gemv_i4;
  table->gemm_i8 = gemm_i8;
  table->gemm_i4 = gemm_i4;
  table->dequantize_row_i8 = dequantize_row_i8;
  table->dequantize_row_i4 = dequantize_row_i4;
}

}  // namespace inferbench::cpu_quant
