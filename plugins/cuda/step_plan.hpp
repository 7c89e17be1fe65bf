// SPDX-License-Identifier: Apache-2.0
//
// A decode step of a few sequences as one persistent kernel: what each block does, planned on the host.
//
// One block per multiprocessor. The weights of all products, in the order of a pass, are cut into items: tiles of 16
// rows, where a product has few of them also cut along its inputs. Item after item goes to the next block, across
// products and layers, so that all blocks stream the same number of bytes. A block's producer warp copies its items,
// chunk by chunk along the inputs, into a ring of stages in shared memory; it waits only for free stages, never for the
// other blocks. So while the consumer warps wait for what other blocks compute, the next weights are on their way.
// step_exchange.cuh says how they wait.
#pragma once

#include <array>
#include <cstdint>

#include "model_data.hpp"

namespace inferbench::cuda_backend {

constexpr std::int32_t kStepRows = 8;   ///< most sequences of a step: the columns of mma.m16n8k16
constexpr std::int32_t kStepWarps = 8;  ///< that compute; one more copies
constexpr std::int32_t kStepThreads = (kStepWarps + 1) * 32;
constexpr std::int32_t kMostSplits = 8;  ///< parts of a sequence's positions in attention
constexpr std::int32_t kChunkPad = 64;   ///< bytes behind a row of a chunk, against bank conflicts
/// Inputs of a chunk of a plain format, at most: pieces of 2 KiB, one a row, reach the memory's speed, of 1 KiB only
/// 3.2 of its 4.5 TB/s (measured on an H200).
constexpr std::int32_t kChunkInputs = 1024;
/// That a producer's copies have under way at a time: more would not be faster, but what blocks hand to each other
/// would have to wait behind them.
constexpr std::int32_t kBytesUnderWay = 66 << 10;
/// Tiles of a chunk of a quantized format, at most: two for each warp.
constexpr std::int32_t kMostChunkTiles = 16;
constexpr std::int32_t kRowPad = 32;   ///< values behind a row of activations, likewise
constexpr std::int32_t kCodePad = 64;  ///< bytes behind a row of coded activations, likewise
/// A row of the residual stream lies in a block's registers: every block holds the only one, else block n holds row n.
constexpr std::int32_t kMostStepHidden = 4096;
constexpr std::int32_t kStepVector = 4 * kStepWarps * 32;  ///< values that all threads hold in one vector each
/// Values that are added up at a time, each by a thread. Their parts from all warps lie in one of two buffers.
constexpr std::int32_t kRoundValues = 256;
constexpr std::int32_t kReduceFloats = 2 * kStepWarps * kRoundValues;

constexpr std::int32_t kSplitPad = 4;       ///< floats behind the values of a part of a sequence's positions
constexpr std::int32_t kSimpleHead = 64;    ///< values of a head of models of a family
constexpr std::int32_t kStepHeads = 2;      ///< query heads that one item of attention takes, at most
constexpr std::int32_t kPartInputs = 4096;  ///< of which there should be at most as many: they lie in shared memory
constexpr std::int32_t kManyRowsPartInputs = 1024;
/// Parts along the inputs into which an item's product may be cut, at most.
constexpr std::int32_t kMostParts = 4;

/// In kernels of a family, each warp has its own slice of every piece of a row of inputs, which no other warp reads.
/// Slices lie in shared memory as if all had this many values.
constexpr std::int32_t kSliceRoom = 128;
constexpr std::int32_t kPieceRoom = kStepWarps * kSliceRoom;

/// How a product is streamed. A unit is 64 inputs of a plain format or one quantized tile.
struct StreamShape {
  std::int32_t row_tiles;
  std::int32_t rows;
  std::int32_t parts;        ///< along the inputs, divides the blocks; item i is tile i / parts of part i % parts
  std::int32_t units;        ///< of a part
  std::int32_t per_chunk;    ///< units of a chunk, the last one may have fewer
  std::int32_t part_inputs;  ///< with padding
  std::int32_t padded_inputs;
  std::int32_t turn;          ///< items % blocks: by how many blocks the next product begins later
  std::int32_t tile_step;     ///< from a block's item to its next one
  std::int32_t part_factor;   ///< i * part_factor >> 16 is i / parts for i below the number of blocks
  std::int32_t chunk_bytes;   ///< of a stage that a chunk takes
  std::int32_t piece_inputs;  ///< of models of a family: inputs from a warp's slice to its next one
  std::int32_t pieces;        ///< of a part
  std::int32_t slice_inputs;  ///< that a warp multiplies of each piece: a multiple of 32, at most kSliceRoom
};
/// `most_parts`: into how many parts the product may be cut, so that a part has at most `most_part_inputs` if possible.
StreamShape stream_shape(const MatrixShape& shape, std::int32_t n_blocks, std::int32_t most_parts = 1,
                         std::int32_t most_part_inputs = kPartInputs);

/// Of a single row of coded activations: the upper bytes and the lower bytes, and a scale for each group; see
/// step_codes.cuh.
constexpr std::int64_t coded_row_bytes(std::int64_t inputs) {
  return 2 * (inputs + kCodePad) + inputs / kGroup * 4;
}

/// The products of a layer in their order, and the head.
enum StepProduct : std::int32_t { kQkv, kOut, kUp, kDown, kHead, kProducts };
constexpr std::int32_t kLayerProducts = kHead;

/// Models of these families have kernels of their own for one row, where they are small, heads have kSimpleHead values,
/// and there is no norm of heads or after a product, no cap, no window and no 8-bit cache: the code for all that, and
/// for what the other family has, is left out.
enum class StepFamily : std::int32_t {
  kAny,
  kGpt,   ///< LayerNorm, GELU (tanh), no gate, no rotation
  kLlama  ///< RMS norms, gated by SiLU
};

/// Shared memory of a block, and the products. Offsets are in bytes.
struct StepPlan {
  StreamShape products[kProducts];  ///< by StepProduct
  std::int32_t max_rows;            ///< sequences that fit; 0: this model cannot be run so
  std::int32_t n_stages;
  std::int32_t stage_bytes;
  std::int32_t copies_under_way;  ///< fewer than stages
  std::int32_t barriers_at;       ///< of the ring: full and empty for each stage
  std::int32_t layers_at;         ///< a copy of the layers' table; the head and its norm are a last layer's first ones
  std::int32_t moments_at;        ///< 2 kStepWarps pairs of floats
  std::int32_t reduce_at;         ///< kReduceFloats floats
  std::int32_t parts_at;          ///< of models of a family: the parts of an attention item from all warps
  std::int32_t rows_at;           ///< activations that a product reads, or attention's work space
  std::int32_t rows_bytes;        ///< of them
  std::int32_t shared_bytes;
  std::int32_t heads_per_item;  ///< query heads that one item of attention takes
  std::int32_t chunks_per_group;
  std::int32_t head_shift;  ///< binary logarithm of head_dim; -1: it is no power of 2
  StepFamily family;
  float hidden_share;    ///< 1 / hidden
  std::int32_t vectors;  ///< of 4 values, of the residual stream, that a thread holds where there is one row
};

/// A plan for as many rows as fit, at most `most_rows`: a single row leaves more memory to the ring. `shared_bytes`:
/// most that a block may have. `is_coded`: the KV cache has 8-bit codes.
StepPlan plan_step(const Shape& shape, const Products& products, std::int32_t shared_bytes, std::int32_t n_blocks,
                   std::int32_t most_rows, bool is_coded = false);

/// Into how many parts a sequence's positions are cut so that all blocks have work.
std::int32_t attention_splits(const StepPlan& plan, const Shape& shape, std::int32_t n_rows, std::int32_t longest,
                              std::int32_t n_blocks);

/// Where a layer's words lie that blocks hand to each other, in words from the layer's first one; rows are those of the
/// step. Every piece is a multiple of 16 bytes.
struct ExchangePlan {
  std::int32_t attn_input;   ///< [row][hidden_stride] 16 bits, with several rows: the normed stream
  std::int32_t qkv;          ///< [row][qkv_stride] fp32
  std::int32_t attended;     ///< [row][head][split][head_stride + kSplitPad] fp32: values, greatest score, sum; where
                             ///< there is one split and head_dim a multiple of 8: [row][query_stride] 16 bits
  std::int32_t out;          ///< [part][row][hidden_stride] fp32: what is added to the residual stream
  std::int32_t mlp_input;    ///< as attn_input
  std::int32_t mlp;          ///< [row][mlp_stride] 16 bits
  std::int32_t down;         ///< as out
  std::int32_t layer_words;  ///< of all
};
ExchangePlan plan_exchange(const StepPlan& plan, const Shape& shape, std::int32_t n_rows, std::int32_t n_splits);
/// Words of all layers, and of the head's input, which lies as if it were another layer's.
std::int64_t exchange_words(const ExchangePlan& plan, const Shape& shape);
/// Most words that a step takes.
std::int64_t most_exchange_words(const StepPlan& plan, const Shape& shape, std::int32_t n_blocks);

}  // namespace inferbench::cuda_backend
