// SPDX-License-Identifier: Apache-2.0
// What a thread reads next, prefetched while it waits or finishes a step: with few rows a pass is memory-bound, so the
// memory should never be idle.
#include <algorithm>

#include "engine/forward.hpp"
#include "engine/work_ranges.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr std::int64_t kMostAhead = 256 << 10;  // a part of any L2 cache
constexpr std::int64_t kBytesPerSpin = 512;
constexpr std::int64_t kBytesAtEnd = 16 << 10;
constexpr std::int64_t kLine = 64;

}  // namespace

/// The keys that an item of attention reads.
ForwardPass::MemoryRange ForwardPass::keys_of(const Step& step, std::uint32_t item) const {
  const HeadItem part = head_item(step, item);
  const PassSegment& segment = batch_->pass().segments()[static_cast<std::size_t>(part.tile->segment)];
  const AttentionArgs args = attention_args(segment, step.layer, part, part.tile->first_row);
  const KeyRange seen = keys_seen(step.layer, *part.tile);
  constexpr std::int32_t kChunkBlocks = kAttentionChunk / kKvBlock;  // of 16 positions
  const std::int32_t chunk_begin = (seen.first / kAttentionChunk + part.chunk) * kChunkBlocks;
  const std::int32_t first = std::max(seen.first / kKvBlock, part.chunk > 0 ? chunk_begin : 0);
  const std::int32_t end = std::min(ceil_div(seen.end, kKvBlock), chunk_begin + kChunkBlocks);
  if (first >= end) return {};
  const std::int64_t blocks = kv_block_bytes(args.kv_type, args.head_dim) * args.group_heads;
  const std::uint8_t* keys = args.cache + first * blocks;
  // Some heads of a group are not contiguous in memory.
  return {keys, step.by_group ? (end - first) * blocks : blocks};
}

/// What `thread` reads first of weights or keys in the step, or in the one after it where it has none.
ForwardPass::MemoryRange ForwardPass::first_read(std::uint32_t phase, int thread) const {
  for (std::uint32_t next = phase; next < std::min(phase + 2, n_phases()); ++next) {
    const Step& step = steps_[next];
    const WorkRange mine = first_range(step.n_items, thread, model_.context.team.n_threads());
    if (mine.begin == mine.end) return {};
    if (step.op == Op::Attention) return keys_of(step, mine.begin);
    if (step.grid.tiles == 0) continue;
    const std::int64_t tile_bytes = linear_of(step).tile_bytes();
    const std::int64_t begin = part_of(step, mine.begin).tile_begin;
    const std::int64_t end = part_of(step, mine.end - 1).tile_end;
    return {linear_of(step).weights + begin * tile_bytes, std::min((end - begin) * tile_bytes, kMostAhead)};
  }
  return {};
}

/// n bytes from `begin` on of what `thread` reads first after the phase.
void ForwardPass::look_ahead(std::uint32_t phase, int thread, std::int64_t begin, std::int64_t n) const {
  if (batch_->pass().n_rows() > kernels_.streamed_rows) return;
  const MemoryRange next = first_read(phase + 1, thread);
  const std::int64_t end = std::min(begin + n, next.bytes);
  for (std::int64_t i = begin; i < end; i += kLine) __builtin_prefetch(next.data + i, 0, 2);
}

void ForwardPass::idle(std::uint32_t phase, int thread, std::uint32_t spins) noexcept {
  look_ahead(phase, thread, (std::int64_t{spins} - 1) * kBytesPerSpin, kBytesPerSpin);
}

/// Before the work that finishes a step, during which the memory would be idle.
void ForwardPass::look_ahead_at_end(std::uint32_t phase, int thread) const {
  look_ahead(phase, thread, 0, kBytesAtEnd);
}

}  // namespace inferbench::cpu_quant
