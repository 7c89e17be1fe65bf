// SPDX-License-Identifier: Apache-2.0
//
// How weights, activations, keys and values are laid out in memory: sizes, and where to find one number. kernels.h says
// what is computed. Everything here has internal linkage, as there.
#pragma once

#include <stdint.h>

namespace inferbench::cpu_quant {

// ---- sizes --------------------------------------------------------------------------------------------------

static constexpr int32_t kTile = 16;         // output channels of a tile
static constexpr int32_t kScaleGroup = 32;   // inputs whose activations share a scale; int8: weights a multiplier
static constexpr int32_t kHalfGroup = 16;    // int4: inputs that share a multiplier
static constexpr int32_t kBlock = 128;       // int8: inputs of a line of multipliers
static constexpr int32_t kSuperBlock = 256;  // int4: inputs that share an f32 scale
static constexpr int32_t kScaleBytes = kTile * 4;
static constexpr int32_t kMaxGemvRows = 8;
static constexpr int32_t kPanelTiles = 4;  // gemm: split work items at multiples of 4 tiles where possible
static constexpr int32_t kKvBlock = 16;    // positions of a transposed block of keys

static constexpr int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static constexpr int64_t largest_of(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static constexpr int32_t ceil_div(int32_t n, int32_t size) {
  return (n + size - 1) / size;
}

static constexpr int32_t n_groups(int32_t k) {
  return ceil_div(k, kScaleGroup);
}

static constexpr int32_t n_super_blocks(int32_t k) {
  return ceil_div(k, kSuperBlock);
}

static constexpr int32_t n_tiles(int32_t n) {
  return ceil_div(n, kTile);
}

// Inputs of the block that starts at input `first`: k inputs are cut into blocks of `size`, the last one shorter.
static constexpr int32_t inputs_of(int32_t k, int32_t first, int32_t size) {
  return k - first < size ? k - first : size;
}

// ---- packed int8 weights ---------------------------------------------------------------------------------------
//
// Tile after tile (16 channels each); in a tile, block after block of 128 inputs; in a block
//   [4 groups][16 channels] u8 multipliers m                        64 bytes
//   [ceil(inputs / 4)][16 channels][4 inputs]                       64 bytes for 4 inputs
//       u8 = w + 128 where the activations are signed, s8 = w where they are unsigned (MatmulArgs::unsigned_rows)
// and after the last block
//   [16 channels] f32 S                                             64 bytes
// Every part is 64-byte aligned when the base is. Padding channels: w = 0, m = 0, S = 0. Padding inputs: w = 0;
// padding groups: m = 0.

static constexpr int64_t i8_block_offset(int32_t b) {
  return int64_t{b} * (64 + kBlock / 4 * 64);
}

static constexpr int64_t i8_tile_scale_offset(int32_t k) {
  return int64_t{ceil_div(k, kBlock)} * 64 + int64_t{ceil_div(k, 4)} * 64;
}

static constexpr int64_t i8_tile_bytes(int32_t k) {
  return i8_tile_scale_offset(k) + kScaleBytes;
}

static constexpr int64_t i8_bytes(int32_t n, int32_t k) {
  return n_tiles(n) * i8_tile_bytes(k);
}

// Byte of weight (channel, input) in a matrix with k inputs.
static constexpr int64_t i8_weight_offset(int32_t k, int32_t channel, int32_t input) {
  return (channel / kTile) * i8_tile_bytes(k) + i8_block_offset(input / kBlock) + 64 + input % kBlock / 4 * 64 +
         channel % kTile * 4 + input % 4;
}

// Byte of the multiplier of (channel, group of input).
static constexpr int64_t i8_multiplier_offset(int32_t k, int32_t channel, int32_t input) {
  return (channel / kTile) * i8_tile_bytes(k) + i8_block_offset(input / kBlock) + input % kBlock / kScaleGroup * kTile +
         channel % kTile;
}

// Byte of the f32 scale S of a channel.
static constexpr int64_t i8_scale_offset(int32_t k, int32_t channel) {
  return (channel / kTile) * i8_tile_bytes(k) + i8_tile_scale_offset(k) + channel % kTile * 4;
}

// ---- packed int4 weights ---------------------------------------------------------------------------------------
//
// Tiles as above; in a tile, super-block after super-block of 256 inputs; in a super-block of `inputs`, with
// G = ceil(inputs / 32) groups,
//   [G][16 channels] u8 multipliers: low nibble s - 1 of the group's first half, high nibble of its second; then zeros
//       up to a multiple of 64 bytes
//   [G][4 quads][16 channels][4 inputs] u8 codes: low nibble input 4 * quad + i of the group's first half, high nibble
//       the same input of its second half                           256 bytes for 32 inputs
//   [16 channels] f32 scale S
// Padding channels: code 8, nibble 0 (s = 1), scale 0. Padding inputs: code 8, nibble 0.

static constexpr int64_t i4_multiplier_bytes(int32_t inputs) {
  return round_up(int64_t{ceil_div(inputs, kScaleGroup)} * kTile, 64);
}

static constexpr int64_t i4_super_block_bytes(int32_t inputs) {
  return i4_multiplier_bytes(inputs) + int64_t{ceil_div(inputs, kScaleGroup)} * 256 + kScaleBytes;
}

static constexpr int64_t i4_super_block_offset(int32_t b) {
  return b * i4_super_block_bytes(kSuperBlock);
}

static constexpr int32_t super_block_inputs(int32_t k, int32_t b) {
  return inputs_of(k, b * kSuperBlock, kSuperBlock);
}

static constexpr int64_t i4_tile_bytes(int32_t k) {
  const int32_t last = n_super_blocks(k) - 1;
  return i4_super_block_offset(last) + i4_super_block_bytes(super_block_inputs(k, last));
}

static constexpr int64_t i4_bytes(int32_t n, int32_t k) {
  return n_tiles(n) * i4_tile_bytes(k);
}

// Shift of the nibble (code or multiplier) that belongs to `input`: 0 or 4.
static constexpr int32_t i4_shift(int32_t input) {
  return input / kHalfGroup % 2 * 4;
}

// Byte that holds the code of (channel, input), at i4_shift(input).
static constexpr int64_t i4_code_offset(int32_t k, int32_t channel, int32_t input) {
  const int32_t in_block = input % kSuperBlock;
  return (channel / kTile) * i4_tile_bytes(k) + i4_super_block_offset(input / kSuperBlock) +
         i4_multiplier_bytes(super_block_inputs(k, input / kSuperBlock)) + in_block / kScaleGroup * 256 +
         in_block % kHalfGroup / 4 * 64 + channel % kTile * 4 + in_block % 4;
}

// Byte that holds the multiplier - 1 of (channel, half group of input), at i4_shift(input).
static constexpr int64_t i4_multiplier_offset(int32_t k, int32_t channel, int32_t input) {
  return (channel / kTile) * i4_tile_bytes(k) + i4_super_block_offset(input / kSuperBlock) +
         input % kSuperBlock / kScaleGroup * kTile + channel % kTile;
}

// Byte of the f32 scale of (channel, super-block b).
static constexpr int64_t i4_scale_offset(int32_t k, int32_t channel, int32_t b) {
  return (channel / kTile) * i4_tile_bytes(k) + i4_super_block_offset(b) +
         i4_super_block_bytes(super_block_inputs(k, b)) - kScaleBytes + channel % kTile * 4;
}

// ---- quantized activations -------------------------------------------------------------------------------------
//
// One row of k activations is one block of quantized_row_bytes(k) bytes, 64-byte aligned, with G = n_groups(k):
//   q[padded_inputs(k)]       s8 (signed rows) or u8 (unsigned rows); zeros from k on
//   int16_t half[padded_inputs(k) / 16]   -8 * sum of the half group's q  (used by int4; signed rows only, else 0)
//   float   scale[G]          of a group
//   int32_t offset[G]         -128 * sum of the group's q  (used by int8; 0 in unsigned rows)
// Signed: scale = largest magnitude * (1 / 127), q = round to nearest even of x * (127 / largest magnitude).
// Unsigned: of x' = max(x + shift, 0): scale = largest * (1 / 255), q = round(x' * (255 / largest)). The row then
// stands for x + shift; the engine subtracts shift * sum of weights in the bias. A group whose largest is below 1e-30
// has q = 0, scale = 0; one that holds a NaN or an infinity has q = 0, scale = NaN, so that it makes its products NaN.

static constexpr int32_t padded_inputs(int32_t k) {
  return static_cast<int32_t>(round_up(k, 64));
}

static constexpr int64_t row_half_offset(int32_t k) {
  return padded_inputs(k);
}

static constexpr int64_t row_scale_offset(int32_t k) {
  return row_half_offset(k) + padded_inputs(k) / kHalfGroup * 2;
}

static constexpr int64_t row_sum_offset(int32_t k) {
  return row_scale_offset(k) + int64_t{n_groups(k)} * 4;
}

static constexpr int64_t quantized_row_bytes(int32_t k) {
  return round_up(row_sum_offset(k) + int64_t{n_groups(k)} * 4, 64);
}

// Inputs [first, first + n) of rows of k: first is a multiple of 64, and so is n unless the part ends the row. Parts of
// a row may be written at the same time.
struct RowPart {
  int32_t k;
  int32_t first;
  int32_t n;
};

static constexpr RowPart whole_row(int32_t k) {
  return {k, 0, k};
}

// What an activation function's output is shifted by in unsigned rows: GELU is never below -0.17005.
static constexpr float kGeluShift = 0.17F;
static constexpr float kReluShift = 0.0F;

// ---- activations as bf16 ---------------------------------------------------------------------------------------
//
// One row of k activations is uint16_t[padded_inputs(k)], the upper halves of floats, zeros from k on, and 64 bytes
// that are not used, so that the same inputs of following rows lie in different sets of a cache. An unsigned row holds
// max(x + shift, 0), too. NaNs and infinities stay unchanged.

static constexpr int64_t bf16_row_bytes(int32_t k) {
  return int64_t{2} * padded_inputs(k) + 64;
}

enum class RowFormat : int32_t { Quantized, Bf16 };

static constexpr int64_t row_bytes(RowFormat format, int32_t k) {
  return format == RowFormat::Bf16 ? bf16_row_bytes(k) : quantized_row_bytes(k);
}

// The value of input i of a signed row.
static inline float signed_row_value(RowFormat format, const uint8_t* row, int32_t k, int32_t i) {
  if (format == RowFormat::Bf16)
    return __builtin_bit_cast(float, uint32_t{reinterpret_cast<const uint16_t*>(row)[i]} << 16);
  const auto* scales = reinterpret_cast<const float*>(row + row_scale_offset(k));
  return static_cast<float>(reinterpret_cast<const int8_t*>(row)[i]) * scales[i / kScaleGroup];
}

// ---- keys and values --------------------------------------------------------------------------------
//
// A group is some heads of one (layer, slot), 64-byte aligned, in blocks of 16 positions and one head each, so that one
// token's attention over all of its heads reads two long runs. With D = head_dim, heads of the group and P = capacity
// rounded up to 16 positions:
//   keys    [P / 16][heads] blocks of [D][16 positions] elements of the type
//   values  [P / 16][heads] blocks of [16 positions][D] elements
// A block is kv_block_bytes(...) bytes: the elements, padded to 64 bytes, and in int8 16 f32 scales (a value is its
// element times the scale of its position). The whole must be zeroed once before its first use (positions that were
// never written are read, and masked).

static constexpr int32_t kKvF32 = 0;
static constexpr int32_t kKvF16 = 1;
static constexpr int32_t kKvInt8 = 2;

static constexpr int64_t kv_element_bytes(int32_t type) {
  return type == kKvF32 ? 4 : type == kKvF16 ? 2 : 1;
}

static constexpr int64_t kv_block_scale_offset(int32_t type, int32_t head_dim) {
  return round_up(kKvBlock * head_dim * kv_element_bytes(type), 64);
}

static constexpr int64_t kv_block_bytes(int32_t type, int32_t head_dim) {
  return kv_block_scale_offset(type, head_dim) + (type == kKvInt8 ? kKvBlock * 4 : 0);
}

// The group's keys; its values are as many bytes, and follow.
static constexpr int64_t kv_keys_bytes(int32_t type, int32_t capacity, int32_t head_dim, int32_t heads) {
  return int64_t{ceil_div(capacity, kKvBlock)} * heads * kv_block_bytes(type, head_dim);
}

static constexpr int64_t kv_group_bytes(int32_t type, int32_t capacity, int32_t head_dim, int32_t heads) {
  return 2 * kv_keys_bytes(type, capacity, head_dim, heads);
}

}  // namespace inferbench::cpu_quant
