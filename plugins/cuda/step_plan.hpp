// SPDX-License-Identifier: Apache-2.0
//
// A decode step of a few sequences as one persistent kernel: what each block does, planned on the host.
//
// One block per multiprocessor. The weights of all products, in the order of a pass, are cut into tiles of 16 rows;
// tile after tile goes to the next block, across products and layers, so that all blocks stream the same number of
// bytes. A block's producer warp copies its tiles, chunk by chunk along the inputs, into a ring of stages in shared
// memory; it waits only for free stages, never for the other blocks. So while the consumer warps wait at one of the
// five grid barriers of a layer, the next weights are on their way.
#pragma once

#include <array>
#include <cstdint>

#include "model_data.hpp"

namespace inferbench::cuda_backend {

constexpr std::int32_t kStepRows = 8;   ///< most sequences of a step: the columns of mma.m16n8k16
constexpr std::int32_t kStepWarps = 8;  ///< that compute; one more copies
constexpr std::int32_t kStepThreads = (kStepWarps + 1) * 32;
constexpr std::int32_t kMostSplits = 32;  ///< parts of a sequence's positions in attention
constexpr std::int32_t kChunkPad = 64;    ///< bytes behind a row of a chunk, against bank conflicts
constexpr std::int32_t kStageBytes = kTileRows * (512 * 2 + kChunkPad);
constexpr std::int32_t kCopiesUnderWay = 3;     ///< stages that a producer fills at a time
constexpr std::int32_t kRowPad = 32;            ///< values behind a row of activations, likewise
constexpr std::int32_t kMostStepHidden = 4096;  ///< a norm keeps a row in registers
/// Values that are added up at a time, each by a thread. Their parts from all warps lie in one of two buffers.
constexpr std::int32_t kRoundValues = 256;
constexpr std::int32_t kReduceFloats = 2 * kStepWarps * kRoundValues;

/// How a product is streamed. A unit is 64 inputs of a plain format or one quantized tile.
struct StreamShape {
  std::int32_t row_tiles;
  std::int32_t rows;
  std::int32_t units;      ///< along the inputs
  std::int32_t per_chunk;  ///< units of a chunk, the last one may have fewer
  std::int32_t padded_inputs;
  std::int32_t turn;  ///< row_tiles % blocks: by how many blocks the next product begins later
};
StreamShape stream_shape(const MatrixShape& shape, std::int32_t n_blocks);

/// The products of a layer in their order, and the head.
enum StepProduct : std::int32_t { kQkv, kOut, kUp, kDown, kHead, kProducts };
constexpr std::int32_t kLayerProducts = kHead;

/// Shared memory of a block, and the products. Offsets are in bytes.
struct StepPlan {
  StreamShape products[kProducts];  ///< by StepProduct
  std::int32_t max_rows;            ///< sequences that fit; 0: this model cannot be run so
  std::int32_t n_stages;
  std::int32_t barriers_at;  ///< of the ring: full and empty for each stage
  std::int32_t layers_at;    ///< a copy of the layers' table
  std::int32_t reduce_at;    ///< kReduceFloats floats
  std::int32_t rows_at;      ///< activations that a product reads, or attention's work space
  std::int32_t shared_bytes;
  std::int32_t heads_per_item;  ///< query heads that one item of attention takes
  std::int32_t chunks_per_group;
  std::int32_t head_shift;  ///< binary logarithm of head_dim; -1: it is no power of 2
};

/// `shared_bytes`: most that a block may have.
StepPlan plan_step(const Shape& shape, const Products& products, std::int32_t shared_bytes, std::int32_t n_blocks);

/// Into how many parts a sequence's positions are cut so that all blocks have work.
std::int32_t attention_splits(const StepPlan& plan, const Shape& shape, std::int32_t n_rows, std::int32_t longest,
                              std::int32_t n_blocks);

}  // namespace inferbench::cuda_backend
