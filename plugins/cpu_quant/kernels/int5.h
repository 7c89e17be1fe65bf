// SPDX-License-Identifier: Apache-2.0
//
// int5 weights, for matrices that are hardly ever multiplied by many rows, such as an output head: their layout, and
// their kernels, which stream them for a few rows at a time.
//
// A weight is S * s * (u - 16): a 5-bit code u in 0..31, a multiplier s in 1..16 per (channel, half group of 16
// inputs), an f32 scale S per (channel, super-block of 256 inputs). Products are those of int4 (kernels.h) with u - 16
// for u - 8: every instruction set gives the same bits.
//
// The layout is that of int4 (layout.h), but after the codes' lower four bits of each group
//   [16 channels][4 inputs] u8: bit q is the fifth bit of input 4 * q + i of the group      64 bytes
// Padding channels and inputs: code 16.
#pragma once

#include <stdint.h>

#include "kernels.h"
#include "parts.h"

namespace inferbench::cpu_quant {

static constexpr int32_t kI5GroupBytes = 256 + 64;

static constexpr int64_t i5_super_block_bytes(int32_t inputs) {
  return i4_multiplier_bytes(inputs) + int64_t{ceil_div(inputs, kScaleGroup)} * kI5GroupBytes + kScaleBytes;
}

static constexpr int64_t i5_super_block_offset(int32_t b) {
  return b * i5_super_block_bytes(kSuperBlock);
}

static constexpr int64_t i5_tile_bytes(int32_t k) {
  const int32_t last = n_super_blocks(k) - 1;
  return i5_super_block_offset(last) + i5_super_block_bytes(super_block_inputs(k, last));
}

static constexpr int64_t i5_bytes(int32_t n, int32_t k) {
  return n_tiles(n) * i5_tile_bytes(k);
}

// First byte of the group of (channel's tile, input).
static constexpr int64_t i5_group_offset(int32_t k, int32_t channel, int32_t input) {
  return (channel / kTile) * i5_tile_bytes(k) + i5_super_block_offset(input / kSuperBlock) +
         i4_multiplier_bytes(super_block_inputs(k, input / kSuperBlock)) +
         input % kSuperBlock / kScaleGroup * kI5GroupBytes;
}

// Byte that holds the lower bits of the code of (channel, input), at i4_shift(input).
static constexpr int64_t i5_code_offset(int32_t k, int32_t channel, int32_t input) {
  return i5_group_offset(k, channel, input) + input % kHalfGroup / 4 * 64 + channel % kTile * 4 + input % 4;
}

// Byte that holds its fifth bit, and which bit that is.
static constexpr int64_t i5_fifth_offset(int32_t k, int32_t channel, int32_t input) {
  return i5_group_offset(k, channel, input) + 256 + channel % kTile * 4 + input % 4;
}
static constexpr int32_t i5_fifth_shift(int32_t input) {
  return input % kScaleGroup / 4;
}

// As i4_multiplier_offset and i4_scale_offset.
static constexpr int64_t i5_multiplier_offset(int32_t k, int32_t channel, int32_t input) {
  return (channel / kTile) * i5_tile_bytes(k) + i5_super_block_offset(input / kSuperBlock) +
         input % kSuperBlock / kScaleGroup * kTile + channel % kTile;
}
static constexpr int64_t i5_scale_offset(int32_t k, int32_t channel, int32_t b) {
  return (channel / kTile) * i5_tile_bytes(k) + i5_super_block_offset(b) +
         i5_super_block_bytes(super_block_inputs(k, b)) - kScaleBytes + channel % kTile * 4;
}

// ---- kernels ----------------------------------------------------------------------------------------------------

// All functions: any thread, no allocation, no state; arguments checked by the caller.
struct Int5Kernels {
  // As KernelTable::gemv_i4.
  void (*gemv)(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end);
  // As KernelTable::dequantize_row_i4.
  void (*dequantize_row)(const uint8_t* weights, int32_t k, int32_t channel, const float* add, float* out);
};

// Those of an instruction set that select_kernels has found on this machine.
const Int5Kernels& int5_kernels(Isa isa);

// Each fills its entries.
void add_int5_generic(Int5Kernels* kernels);
void add_int5_avx2(Int5Kernels* kernels);
void add_int5_avx512(Int5Kernels* kernels, FetchAhead ahead);

}  // namespace inferbench::cpu_quant
