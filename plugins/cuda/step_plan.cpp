// SPDX-License-Identifier: Apache-2.0
#include "step_plan.hpp"

#include <algorithm>
#include <bit>

namespace inferbench::cuda_backend {
namespace {

constexpr std::int32_t kFewestStages = kCopiesUnderWay + 1;
constexpr std::int32_t kMostStages = 16;
constexpr std::int32_t kBlockHeadsOfStep = 4;
// With fewer positions, adding up the parts takes longer than going through the positions.
constexpr std::int32_t kPositionsPerSplit = 64;

std::int32_t aligned(std::int64_t bytes) {
  return static_cast<std::int32_t>(round_up(bytes, 128));
}

/// Query heads, the new key and value, and the parts of all warps.
std::int64_t attention_bytes(const Shape& shape) {
  const std::int64_t rows = kBlockHeadsOfStep + 2;
  return (rows * shape.head_stride + kStepWarps * kBlockHeadsOfStep * (shape.head_stride + 2)) * 4;
}

std::int64_t rows_bytes(const Products& products, std::int32_t n_rows) {
  const std::int32_t inputs =
      std::max({products.qkv.padded_inputs, products.out.padded_inputs, products.up.padded_inputs,
                products.down.padded_inputs, products.head.padded_inputs});
  return static_cast<std::int64_t>(n_rows) * (inputs + kRowPad) * 2;
}

}  // namespace

StreamShape stream_shape(const MatrixShape& shape, std::int32_t n_blocks) {
  const bool quantized = is_quantized(shape.format);
  const std::int32_t unit_inputs = quantized ? kTileInputs : kPlainInputs;
  const std::int32_t most =
      quantized ? static_cast<std::int32_t>(kStageBytes / tile_bytes(shape.format)) : 512 / kPlainInputs;
  const std::int32_t units = shape.padded_inputs / unit_inputs;
  const std::int32_t n_chunks = (units + most - 1) / most;
  return {shape.row_tiles,           shape.rows, units, (units + n_chunks - 1) / n_chunks, shape.padded_inputs,
          shape.row_tiles % n_blocks};
}

StepPlan plan_step(const Shape& shape, const Products& products, std::int32_t shared_bytes, std::int32_t n_blocks) {
  StepPlan plan{};
  plan.products[kQkv] = stream_shape(products.qkv, n_blocks);
  plan.products[kOut] = stream_shape(products.out, n_blocks);
  plan.products[kUp] = stream_shape(products.up, n_blocks);
  plan.products[kDown] = stream_shape(products.down, n_blocks);
  plan.products[kHead] = stream_shape(products.head, n_blocks);
  const auto size = static_cast<std::uint32_t>(shape.head_dim);
  plan.head_shift = std::has_single_bit(size) ? std::countr_zero(size) : -1;
  const std::int32_t group = shape.n_heads / shape.n_kv_heads;
  plan.chunks_per_group = (group + kBlockHeadsOfStep - 1) / kBlockHeadsOfStep;
  plan.heads_per_item = (group + plan.chunks_per_group - 1) / plan.chunks_per_group;
  if (products.qkv.format == Format::kF32 || shape.hidden > kMostStepHidden) return plan;

  for (std::int32_t rows = kStepRows; rows >= 1; --rows) {
    if (rows * shape.n_heads > kReduceFloats) continue;  // attention's weights must fit, see step_attention.cuh
    std::int32_t at = 0;
    const auto take = [&at](std::int64_t bytes) {
      const std::int32_t begin = at;
      at += aligned(bytes);
      return begin;
    };
    plan.barriers_at = take(2 * kMostStages * 8);
    plan.layers_at = take(static_cast<std::int64_t>(shape.n_layers) * static_cast<std::int64_t>(sizeof(LayerWeights)));
    plan.reduce_at = take(kReduceFloats * 4);
    plan.rows_at = take(std::max(rows_bytes(products, rows), attention_bytes(shape)));
    plan.n_stages = std::min((shared_bytes - at) / kStageBytes, kMostStages);
    if (plan.n_stages < kFewestStages) continue;
    plan.max_rows = rows;
    plan.shared_bytes = at + plan.n_stages * kStageBytes;
    break;
  }
  return plan;
}

std::int32_t attention_splits(const StepPlan& plan, const Shape& shape, std::int32_t n_rows, std::int32_t longest,
                              std::int32_t n_blocks) {
  const std::int32_t items = n_rows * shape.n_kv_heads * plan.chunks_per_group;
  const std::int32_t by_blocks = n_blocks / items;
  const std::int32_t by_length = (longest + kPositionsPerSplit - 1) / kPositionsPerSplit;
  const std::int32_t by_memory = kReduceFloats / (n_rows * shape.n_heads);
  return std::clamp(std::min({by_blocks, by_length, by_memory}), 1, kMostSplits);
}

}  // namespace inferbench::cuda_backend
