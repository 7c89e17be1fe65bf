// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// Query rows that share their keys: rows of one segment and one head, or, where the segment has one row, heads that
// share a head of keys and values.
struct QueryBlock {
  std::int64_t slot;
  std::int64_t layer;
  std::int64_t kv_head;
  std::int64_t first_position;  // of row 0
  std::int64_t position_step;   // from row to row: 1, or 0 where the rows are heads
  Rows q;                       // [rows, head_dim]
  Rows out;                     // [rows, head_dim]
};

// Positions from `begin`, where a panel begins, to `end`: those that the rows of a block see between them.
struct KeyRange {
  std::int64_t begin;
  std::int64_t end;

  std::int64_t padded() const { return round_up(end - begin, kPanel); }
};

std::int64_t first_key(const Layer& layer, std::int64_t position) {
  return layer.window == 0 ? 0 : std::max<std::int64_t>(0, position - layer.window + 1);
}

// One head of the rows of one segment: keys and values of qkv [rows, qkv_size] into the cache.
void store_segment(const Session& session, std::int64_t layer, std::int64_t kv_head, const PassSegment& segment,
                   const Rows& qkv) {
  const Shape& shape = session.model.shape;
  for (std::int64_t i = 0; i < segment.n_rows; ++i) {
    const float* key = qkv.row(segment.first_row + i) + shape.query_size() + kv_head * shape.head_dim;
    session.cache.store(segment.slot, layer, kv_head, segment.first_position + i, key, key + shape.kv_size());
  }
}

// scores [rows, keys.padded()] = q k^T.
void score(const Session& session, const QueryBlock& block, const KeyRange& keys, const Rows& scores) {
  for (std::int64_t i = 0; i < scores.n; ++i) std::fill_n(scores.row(i), keys.padded(), 0.0F);
  for (std::int64_t position = keys.begin; position < keys.end; position += kPanel) {
    // [head_dim, 32 keys]
    const float* panel = session.cache.key_panel(block.slot, block.layer, block.kv_head, position / kPanel);
    panel_product(*session.model.engine.kernels, block.q, panel, session.model.shape.head_dim,
                  scores.from_column(position - keys.begin), kPanel);
  }
}

// One row of scores := its weights, zero for keys that the row does not see.
void weigh(const Session& session, const Layer& layer, std::int64_t position, const KeyRange& keys, float* scores) {
  const Kernels& kernels = *session.model.engine.kernels;
  const float cap = session.model.shape.attention_soft_cap;
  const std::int64_t hidden = first_key(layer, position) - keys.begin;  // before the window
  const std::int64_t n = position + 1 - keys.begin - hidden;
  float* seen = scores + hidden;
  std::fill_n(scores, hidden, 0.0F);
  if (cap != 0) kernels.soft_cap(seen, n, layer.attention_scale, cap);
  kernels.softmax(seen, n, round_up(keys.padded() - hidden, 16), cap != 0 ? 1.0F : layer.attention_scale);
}

// out = scores * values. Sums are formed by stretches of kDepth positions, as panel_product forms them, counted from
// position 0: wherever the walk begins, a row's result is the same bits, because what it does not see adds zeros.
void sum_values(const Session& session, const QueryBlock& block, const KeyRange& keys, const Rows& scores) {
  const Kernels& kernels = *session.model.engine.kernels;
  const std::int64_t head_dim = session.model.shape.head_dim;
  const std::int64_t middle = std::min(keys.end, round_up(keys.begin, kDepth));
  for (std::int64_t i = 0; i < block.out.n; ++i) std::fill_n(block.out.row(i), head_dim, 0.0F);
  for (std::int64_t d = 0; d < head_dim; d += kPanel) {
    // [max_tokens, 32 channels]
    const float* values = session.cache.value_panel(block.slot, block.layer, block.kv_head, d / kPanel);
    const Rows out = block.out.from_column(d);
    const std::int64_t columns = std::min(kPanel, head_dim - d);
    panel_product(kernels, scores, values + keys.begin * kPanel, middle - keys.begin, out, columns);
    panel_product(kernels, scores.from_column(middle - keys.begin), values + middle * kPanel, keys.end - middle, out,
                  columns);
  }
}

// `scores` has room for the block's rows.
void attend_block(const Session& session, const QueryBlock& block, const Rows& score_room) {
  const Layer& layer = session.model.layers.data()[block.layer];
  const std::int64_t last_position = block.first_position + (block.q.n - 1) * block.position_step;
  const KeyRange keys{first_key(layer, block.first_position) / kPanel * kPanel, last_position + 1};
  const Rows scores = score_room.first(block.q.n);
  score(session, block, keys, scores);
  for (std::int64_t i = 0; i < scores.n; ++i) {
    weigh(session, layer, block.first_position + i * block.position_step, keys, scores.row(i));
  }
  sum_values(session, block, keys, scores);
}

// `n_heads` heads from `head` on, which share a head of keys and values, for one segment.
void attend_segment(const Session& session, std::int64_t layer, const PassSegment& segment, std::int64_t head,
                    std::int64_t n_heads, const Rows& qkv, const Rows& out, const Rows& score_room) {
  const Shape& shape = session.model.shape;
  const std::int64_t column = head * shape.head_dim;
  QueryBlock block{segment.slot, layer, head / shape.group(), segment.first_position, 0, {}, {}};
  if (segment.n_rows == 1) {  // all heads at once: their keys and values are read once
    block.q = {qkv.row(segment.first_row) + column, n_heads, shape.head_dim};
    block.out = {out.row(segment.first_row) + column, n_heads, shape.head_dim};
    return attend_block(session, block, score_room);
  }
  block.position_step = 1;
  for (std::int64_t h = 0; h < n_heads; ++h) {
    block.q = {qkv.row(segment.first_row) + column + h * shape.head_dim, segment.n_rows, qkv.stride};
    block.out = {out.row(segment.first_row) + column + h * shape.head_dim, segment.n_rows, out.stride};
    attend_block(session, block, score_room);
  }
}

}  // namespace

void attend(Session& session, std::int64_t layer, const Rows& qkv, const Rows& out) {
  const Shape& shape = session.model.shape;
  const auto segments = session.plan.segments();
  const auto n_segments = static_cast<std::int64_t>(segments.size());
  ThreadPool& pool = *session.model.engine.pool;
  pool.parallel_for(n_segments * shape.n_kv_heads, [&](std::int64_t item, int) {
    store_segment(session, layer, item % shape.n_kv_heads, segments.data()[item / shape.n_kv_heads], qkv);
  });
  // Heads that share keys stay together unless threads would be left without work.
  const std::int64_t n_heads = n_segments * shape.n_kv_heads >= pool.n_threads() ? shape.group() : 1;
  const std::int64_t parts = shape.n_heads / n_heads;
  pool.parallel_for(n_segments * parts, [&](std::int64_t item, int thread) {
    // Late segments see the most keys: they go first, so that the threads end together.
    const PassSegment& segment = segments.data()[n_segments - 1 - item / parts];
    const Rows score_room{session.scores.row(thread * session.score_rows), session.score_rows, session.scores.stride};
    attend_segment(session, layer, segment, item % parts * n_heads, n_heads, qkv, out, score_room);
  });
}

}  // namespace inferbench::cpu_ref
