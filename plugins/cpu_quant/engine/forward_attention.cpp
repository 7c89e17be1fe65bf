// SPDX-License-Identifier: Apache-2.0
// The attention of a forward pass: which heads, rows and keys an item has.
#include <algorithm>

#include "engine/forward.hpp"
#include "engine/work_ranges.hpp"

namespace inferbench::cpu_quant {

ForwardPass::HeadItem ForwardPass::head_item(const Step& step, std::uint32_t item) const {
  const auto tiles = step.of_outputs ? batch_->output_tiles() : batch_->query_tiles();
  const std::int32_t shared = model_.queries_per_head();
  const std::int32_t chunks = std::max(step.chunks, 1);
  const std::int32_t chunk = static_cast<std::int32_t>(item) % chunks;
  const std::int32_t parts = step.by_group ? cache_.n_groups() : model_.shape.n_heads;
  const std::int32_t index = static_cast<std::int32_t>(item) / chunks / parts;
  const std::int32_t part = static_cast<std::int32_t>(item) / chunks % parts;
  const QueryTile* tile = &tiles[static_cast<std::size_t>(index)];
  if (step.by_group) {
    const HeadRange heads = cache_.group(part);
    return {tile, index, part, heads, {heads.first * shared, heads.n * shared}, chunk};
  }
  const std::int32_t head = part / shared;
  return {tile, index, cache_.group_of(head), {head, 1}, {part, 1}, 0};
}

/// Keys that some row of the tile sees.
ForwardPass::KeyRange ForwardPass::keys_seen(std::int32_t layer, const QueryTile& tile) const {
  const std::int32_t position =
      batch_->pass().segments()[static_cast<std::size_t>(tile.segment)].first_position + tile.first_row;
  return {first_seen(position, model_.shape.layers[layer].window), position + tile.n_rows};
}

std::int32_t ForwardPass::chunks_of(std::int32_t layer, const QueryTile& tile) const {
  const KeyRange keys = keys_seen(layer, tile);
  return attention_chunks(keys.first, keys.end);
}

/// Where the chunks of the item's tile and group put what they give, see KernelTable::attention_part.
float* ForwardPass::parts_of(const HeadItem& part) const {
  return parts_ + (std::int64_t{part.index} * cache_.n_groups() + part.group) * tile_parts_;
}

AttentionArgs ForwardPass::attention_args(const PassSegment& segment, std::int32_t layer, const HeadItem& item,
                                          std::int32_t first_row) const {
  const ib_model_desc& shape = model_.shape;
  const Layer& weights = layer_of(layer);
  const ib_layer_desc& about = shape.layers[layer];
  const std::int64_t row = segment.first_row + first_row;
  AttentionArgs args = cache_.args(segment.slot, layer, item.group);
  const float* qkv = qkv_ + row * columns_.n;
  const std::int64_t column = std::int64_t{item.heads.first} * args.head_dim;
  args.q = qkv + std::int64_t{item.queries.first} * args.head_dim;
  args.k = qkv + columns_.k + column;
  args.v = qkv + columns_.v + column;
  args.q_stride = columns_.n;
  args.kv_stride = columns_.n;
  args.out_stride = std::int64_t{shape.n_heads} * shape.head_dim;
  if (about.rotary_table >= 0) {
    args.rotary_stride = std::int64_t{shape.n_rotary_tables} * shape.head_dim;
    args.rotary = rotary_ + row * args.rotary_stride + std::int64_t{about.rotary_table} * shape.head_dim;
  }
  args.q_norm = weights.q_norm;
  args.k_norm = weights.k_norm;
  args.norm_epsilon = static_cast<float>(shape.norm_epsilon);
  args.first_position = segment.first_position + first_row;
  args.first_head = item.heads.first - cache_.group(item.group).first;
  args.n_heads = item.heads.n;
  args.queries_per_head = item.queries.n / item.heads.n;
  args.window = about.window;
  args.scale = static_cast<float>(about.attention_scale);
  args.soft_cap = static_cast<float>(shape.attention_soft_cap);
  return args;
}

void ForwardPass::run_append(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto n_heads = static_cast<std::uint32_t>(model_.shape.n_kv_heads);
  const PassSegment& segment = batch_->pass().segments()[item / n_heads];
  const auto head = static_cast<std::int32_t>(item % n_heads);
  AttentionArgs args =
      attention_args(segment, step.layer, {nullptr, 0, cache_.group_of(head), {head, 1}, {0, 1}, 0}, 0);
  args.n_rows = segment.n_rows;
  args.scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  kernels_.kv_append(&args);
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

/// Of the step's result.
std::int32_t ForwardPass::output_row(const Step& step, const HeadItem& part) const {
  if (step.of_outputs) return part.index;
  return batch_->pass().segments()[static_cast<std::size_t>(part.tile->segment)].first_row + part.tile->first_row;
}

AttentionArgs ForwardPass::tile_args(const Step& step, const HeadItem& part, int thread) const {
  const PassSegment& segment = batch_->pass().segments()[static_cast<std::size_t>(part.tile->segment)];
  AttentionArgs args = attention_args(segment, step.layer, part, part.tile->first_row);
  args.out = attention_ + output_row(step, part) * args.out_stride + std::int64_t{part.queries.first} * args.head_dim;
  args.n_rows = part.tile->n_rows;
  args.scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  return args;
}

void ForwardPass::run_attention(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const HeadItem part = head_item(step, item);
  KeyRange keys = keys_seen(step.layer, *part.tile);
  const std::int32_t chunk = keys.first / kAttentionChunk + part.chunk;
  if (step.chunks > 0) {
    keys = {std::max(keys.first, chunk * kAttentionChunk), std::min(keys.end, (chunk + 1) * kAttentionChunk)};
    if (keys.first >= keys.end) return;  // another tile has more chunks
  }
  AttentionArgs args = tile_args(step, part, thread);
  const WorkRange mine = first_range(step.n_items, thread, model_.context.team.n_threads());
  const MemoryRange next =
      item + 1 < mine.end ? keys_of(step, item + 1) : first_read(steps_.index_of(step) + 1, thread);
  args.upcoming = next.data;
  args.upcoming_bytes = next.bytes;
  if (step.appends) kernels_.kv_append(&args);
  if (step.chunks > 0) {
    const std::int64_t floats = std::int64_t{part.queries.n} * attention_part_floats(args.head_dim);
    kernels_.attention_part(&args, chunk, parts_of(part) + part.chunk * args.n_rows * floats);
  } else {
    const PassSegment& segment = batch_->pass().segments()[static_cast<std::size_t>(part.tile->segment)];
    (attends_few(segment, step.of_outputs) ? kernels_.attention_few : kernels_.attention_many)(&args);
    quantize_attention(step, part, args);
  }
  if (profile_.is_on()) record_attention(step, args, keys.end - keys.first, thread, begin_ns);
}

void ForwardPass::run_merge(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const HeadItem part = head_item(step, item);
  const AttentionArgs args = tile_args(step, part, thread);
  kernels_.attention_merge(&args, parts_of(part), chunks_of(step.layer, *part.tile));
  quantize_attention(step, part, args);
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::quantize_attention(const Step& step, const HeadItem& part, const AttentionArgs& args) {
  if (!quantizes_heads()) return;
  const auto columns = static_cast<std::int32_t>(args.out_stride);
  const RowPart heads = {columns, part.queries.first * args.head_dim, part.queries.n * args.head_dim};
  row_kernels(step.rows).from_floats(args.out, args.out_stride, args.n_rows, heads,
                                     product_row(input_rows_, columns, step.rows, output_row(step, part)));
}

/// Pairs of a query and a key, but for the window's corner at the first rows.
void ForwardPass::record_attention(const Step& step, const AttentionArgs& args, std::int32_t n_keys, int thread,
                                   std::uint64_t begin_ns) {
  const auto keys = static_cast<std::uint64_t>(n_keys);
  const std::uint64_t elements = keys * static_cast<std::uint64_t>(args.n_heads * args.head_dim);
  record(step.op, step.layer, thread, begin_ns,
         2 * elements * static_cast<std::uint64_t>(kv_element_bytes(args.kv_type)),
         4 * elements * static_cast<std::uint64_t>(args.queries_per_head) * static_cast<std::uint64_t>(args.n_rows));
}

}  // namespace inferbench::cpu_quant
