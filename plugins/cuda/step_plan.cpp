// SPDX-License-Identifier: Apache-2.0
#include "step_plan.hpp"

#include <algorithm>
#include <bit>

#include "inferbench/backend.h"

namespace inferbench::cuda_backend {
namespace {

constexpr std::int32_t kFewestStages = 3;
constexpr std::int32_t kMostStages = 32;
// With fewer positions, adding up the parts takes longer than going through the positions.
constexpr std::int32_t kPositionsPerSplit = 64;

StepFamily family_of(const Shape& shape) {
  if (shape.head_dim != kSimpleHead || shape.hidden % 4 != 0 || shape.qk_norm != 0 || shape.post_norm != 0 ||
      shape.has_windows != 0 || shape.attention_cap != 0 || shape.logit_cap != 0) {
    return StepFamily::kAny;
  }
  const bool is_gated = shape.gated != 0;
  if (shape.norm == IB_NORM_LAYER && shape.activation == IB_ACTIVATION_GELU_TANH && !is_gated &&
      shape.has_rotary == 0) {
    return StepFamily::kGpt;
  }
  const bool is_llama = shape.norm == IB_NORM_RMS && shape.activation == IB_ACTIVATION_SILU && is_gated;
  return is_llama ? StepFamily::kLlama : StepFamily::kAny;
}

std::int32_t aligned(std::int64_t bytes) {
  return static_cast<std::int32_t>(round_up(bytes, 128));
}

/// Query heads, the new key and value, and the parts of all warps.
std::int64_t attention_bytes(const Shape& shape) {
  const std::int64_t rows = kStepHeads + 2;
  return (rows * shape.head_stride + kStepWarps * kStepHeads * (shape.head_stride + 2)) * 4;
}

std::int64_t rows_bytes(const StepPlan& plan, Format format, std::int32_t n_rows) {
  std::int32_t inputs = 0;
  for (const StreamShape& product : plan.products) inputs = std::max(inputs, product.part_inputs);
  std::int64_t plain = std::int64_t{2} * n_rows * (inputs + kRowPad);
  if (plan.family != StepFamily::kAny) {
    for (const StreamShape& product : plan.products) {
      plain = std::max(plain, std::int64_t{2} * (product.pieces + product.pieces % 2) * kPieceRoom);
    }
  }
  return n_rows == 1 && is_quantized(format) ? std::max(plain, coded_row_bytes(inputs)) : plain;
}

/// Into how many parts a product's inputs are cut: the fewest with which the block that has most to do is done first,
/// or with which they are few enough.
std::int32_t parts_of(std::int32_t row_tiles, std::int32_t units, std::int32_t most_units, std::int32_t n_blocks,
                      std::int32_t most) {
  const auto longest = [&](std::int32_t parts) {
    return (row_tiles * parts + n_blocks - 1) / n_blocks * (units / parts);
  };
  std::int32_t best = 1;
  for (std::int32_t parts = 2; parts <= most; ++parts) {
    if (units % parts != 0 || n_blocks % parts != 0) continue;
    if (longest(parts) < longest(best) || units / best > most_units) best = parts;
  }
  return best;
}

}  // namespace

StreamShape stream_shape(const MatrixShape& shape, std::int32_t n_blocks, std::int32_t most_parts,
                         std::int32_t most_part_inputs) {
  const bool quantized = is_quantized(shape.format);
  const std::int32_t unit_inputs = quantized ? kTileInputs : kPlainInputs;
  const std::int32_t most = quantized ? kMostChunkTiles : kChunkInputs / kPlainInputs;
  const std::int32_t all_units = shape.padded_inputs / unit_inputs;
  const std::int32_t parts = parts_of(shape.row_tiles, all_units, most_part_inputs / unit_inputs, n_blocks, most_parts);
  const std::int32_t units = all_units / parts;
  const std::int32_t n_chunks = (units + most - 1) / most;
  const std::int32_t per_chunk = (units + n_chunks - 1) / n_chunks;
  const std::int32_t bytes = quantized ? per_chunk * static_cast<std::int32_t>(tile_bytes(shape.format))
                                       : kTileRows * (per_chunk * kPlainInputs * 2 + kChunkPad);
  // A chunk's steps of 32 inputs are shared out evenly; of quantized tiles, warp w has every eighth one.
  const std::int32_t piece = quantized ? kPieceRoom : per_chunk * kPlainInputs;
  const std::int32_t slice = quantized ? kSliceRoom : (per_chunk * 2 + kStepWarps - 1) / kStepWarps * 32;
  return {shape.row_tiles,
          shape.rows,
          parts,
          units,
          per_chunk,
          shape.padded_inputs / parts,
          shape.padded_inputs,
          shape.row_tiles * parts % n_blocks,
          n_blocks / parts,
          65536 / parts + 1,
          bytes,
          piece,
          (shape.padded_inputs / parts + piece - 1) / piece,
          slice};
}

StepPlan plan_step(const Shape& shape, const Products& products, std::int32_t shared_bytes, std::int32_t n_blocks,
                   std::int32_t most_rows, bool is_coded) {
  StepPlan plan{};
  const auto size = static_cast<std::uint32_t>(shape.head_dim);
  plan.head_shift = std::has_single_bit(size) ? std::countr_zero(size) : -1;
  const std::int32_t vectors = (shape.hidden_stride + kStepVector - 1) / kStepVector;
  plan.hidden_share = 1.0F / static_cast<float>(shape.hidden);
  plan.vectors = vectors <= 2 ? vectors : kMostStepHidden / kStepVector;
  if (most_rows > 1) plan.vectors = std::max(plan.vectors, 2);
  if (most_rows == 1 && !is_coded && plan.vectors <= 2) plan.family = family_of(shape);
  // Every thread that holds a row takes all parts of its vectors at once. With several rows, every block reads the
  // inputs of all of them, so few inputs are worth more.
  const std::int32_t most_parts = most_rows > 1 ? kMostParts : std::max(1, kMostParts / plan.vectors);
  const std::int32_t most_inputs = most_rows > 1 ? kManyRowsPartInputs : kPartInputs;
  plan.products[kQkv] = stream_shape(products.qkv, n_blocks);
  // Of models of a family, attention's output is short, and few blocks are enough to multiply it: parts of the result
  // take longer to hand on.
  const std::int32_t out_parts = plan.family != StepFamily::kAny ? 1 : most_parts;
  plan.products[kOut] = stream_shape(products.out, n_blocks, out_parts, most_inputs);
  plan.products[kUp] = stream_shape(products.up, n_blocks);
  plan.products[kDown] = stream_shape(products.down, n_blocks, most_parts, most_inputs);
  plan.products[kHead] = stream_shape(products.head, n_blocks);
  for (const StreamShape& product : plan.products) {
    plan.stage_bytes = std::max(plan.stage_bytes, aligned(product.chunk_bytes));
  }
  const std::int32_t group = shape.n_heads / shape.n_kv_heads;
  // More heads would read the keys less often; but a single row leaves blocks idle then, and needs more code.
  const std::int32_t most_heads = most_rows > 1 ? kStepHeads : 1;
  plan.chunks_per_group = (group + most_heads - 1) / most_heads;
  plan.heads_per_item = (group + plan.chunks_per_group - 1) / plan.chunks_per_group;
  if (products.qkv.format == Format::kF32 || shape.hidden > kMostStepHidden) return plan;

  const std::int32_t fewest_rows = most_rows > 1 ? 2 : 1;
  for (std::int32_t rows = most_rows; rows >= fewest_rows; --rows) {
    std::int32_t at = 0;
    const auto take = [&at](std::int64_t bytes) {
      const std::int32_t begin = at;
      at += aligned(bytes);
      return begin;
    };
    plan.barriers_at = take(2 * kMostStages * 8);
    plan.layers_at = take(std::int64_t{shape.n_layers + 1} * static_cast<std::int64_t>(sizeof(LayerWeights)));
    plan.moments_at = take(2 * kStepWarps * 8);
    plan.reduce_at = take(kReduceFloats * 4);
    plan.parts_at = take(plan.family != StepFamily::kAny ? kStepWarps * (kSimpleHead + 4) * 4 : 0);
    plan.rows_bytes = aligned(std::max(rows_bytes(plan, products.qkv.format, rows), attention_bytes(shape)));
    plan.rows_at = take(plan.rows_bytes);
    plan.n_stages = std::min((shared_bytes - at) / plan.stage_bytes, kMostStages);
    if (plan.n_stages < kFewestStages) continue;
    plan.max_rows = rows;
    plan.copies_under_way = std::clamp(kBytesUnderWay / plan.stage_bytes, 2, plan.n_stages - 1);
    plan.shared_bytes = at + plan.n_stages * plan.stage_bytes;
    break;
  }
  return plan;
}

std::int32_t attention_splits(const StepPlan& plan, const Shape& shape, std::int32_t n_rows, std::int32_t longest,
                              std::int32_t n_blocks) {
  const std::int32_t items = n_rows * shape.n_kv_heads * plan.chunks_per_group;
  const std::int32_t by_blocks = n_blocks / items;
  const std::int32_t by_length = (longest - 1) / kPositionsPerSplit + 1;
  return std::clamp(std::min(by_blocks, by_length), 1, kMostSplits);
}

ExchangePlan plan_exchange(const StepPlan& plan, const Shape& shape, std::int32_t n_rows, std::int32_t n_splits) {
  ExchangePlan exchange{};
  std::int32_t at = 0;
  const auto take = [&at](std::int32_t words) {
    const std::int32_t begin = at;
    at += (words + 31) / 32 * 32;
    return begin;
  };
  const std::int32_t inputs = n_rows > 1 ? n_rows * shape.hidden_stride / 2 : 0;
  exchange.attn_input = take(inputs);
  exchange.qkv = take(n_rows * shape.qkv_stride);
  exchange.attended = take(
      std::max(n_rows * shape.n_heads * n_splits * (shape.head_stride + kSplitPad), n_rows * shape.query_stride / 2));
  exchange.out = take(plan.products[kOut].parts * n_rows * shape.hidden_stride);
  exchange.mlp_input = take(inputs);
  exchange.mlp = take(n_rows * shape.mlp_stride / 2);
  exchange.down = take(plan.products[kDown].parts * n_rows * shape.hidden_stride);
  exchange.layer_words = at;
  return exchange;
}

std::int64_t exchange_words(const ExchangePlan& plan, const Shape& shape) {
  return std::int64_t{plan.layer_words} * (shape.n_layers + 1);
}

std::int64_t most_exchange_words(const StepPlan& plan, const Shape& shape, std::int32_t n_blocks) {
  std::int64_t most = 0;
  for (std::int32_t rows = 1; rows <= plan.max_rows; ++rows) {
    const std::int32_t splits = attention_splits(plan, shape, rows, INT32_MAX, n_blocks);
    most = std::max(most, exchange_words(plan_exchange(plan, shape, rows, splits), shape));
  }
  return most;
}

}  // namespace inferbench::cuda_backend
