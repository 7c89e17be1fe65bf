// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// One head of the rows of one segment: keys and values of qkv [rows, 3 width] into the cache.
void store_segment(const Session& session, std::int64_t layer, std::int64_t head, const PassSegment& segment,
                   const Rows& qkv) {
  const Shape& shape = session.model.shape;
  for (std::int64_t i = 0; i < segment.n_rows; ++i) {
    const float* key = qkv.row(segment.first_row + i) + shape.width + head * shape.head_width;
    session.cache.store(segment.slot, layer, head, segment.first_position + i, key, key + shape.width);
  }
}

// One head of one segment. scores [segment.n_rows, keys]; row i sees the keys of positions 0 to segment.first_position
// + i.
void attend_segment(const Session& session, std::int64_t layer, std::int64_t head, const PassSegment& segment,
                    const Rows& qkv, const Rows& out, const Rows& scores) {
  const Shape& shape = session.model.shape;
  const Kernels& kernels = *session.model.engine.kernels;
  const std::int64_t width = shape.head_width;
  const std::int64_t n_keys = segment.first_position + segment.n_rows;
  const std::int64_t padded = round_up(n_keys, kPanel);

  const Rows q{qkv.row(segment.first_row) + head * width, segment.n_rows, qkv.stride};
  for (std::int64_t i = 0; i < segment.n_rows; ++i) std::fill_n(scores.row(i), padded, 0.0F);
  for (std::int64_t p = 0; p < padded / kPanel; ++p) {
    const float* keys = session.cache.key_panel(segment.slot, layer, head, p);  // [head_width, 32 keys]
    panel_product(kernels, q, keys, width, {scores.data + p * kPanel, segment.n_rows, scores.stride}, kPanel);
  }

  const float scale = shape.attention_scale(layer);
  for (std::int64_t i = 0; i < segment.n_rows; ++i)
    kernels.softmax(scores.row(i), segment.first_position + i + 1, padded, scale);

  const Rows result{out.row(segment.first_row) + head * width, segment.n_rows, out.stride};
  for (std::int64_t i = 0; i < segment.n_rows; ++i) std::fill_n(result.row(i), width, 0.0F);
  for (std::int64_t d = 0; d < width; d += kPanel) {
    const float* values =
        session.cache.value_panel(segment.slot, layer, head, d / kPanel);  // [max_tokens, 32 channels]
    panel_product(kernels, scores, values, n_keys, {result.data + d, segment.n_rows, result.stride},
                  std::min(kPanel, width - d));
  }
}

}  // namespace

void attention(Session& session, std::int64_t layer, const Rows& qkv, const Rows& out) {
  const auto segments = session.plan.segments();
  const auto n_segments = static_cast<std::int64_t>(segments.size());
  const std::int64_t n_heads = session.model.shape.n_heads;
  ThreadPool& pool = *session.model.engine.pool;
  pool.parallel_for(n_segments * n_heads, [&](std::int64_t item, int) {
    store_segment(session, layer, item % n_heads, segments.data()[item / n_heads], qkv);
  });
  pool.parallel_for(n_segments * n_heads, [&](std::int64_t item, int thread) {
    // Late segments see the most keys: they go first, so that the threads end together.
    const PassSegment& segment = segments.data()[n_segments - 1 - item / n_heads];
    const Rows scores{session.scores.row(std::int64_t{thread} * kSegmentRows), segment.n_rows, session.scores.stride};
    attend_segment(session, layer, item % n_heads, segment, qkv, out, scores);
  });
}

}  // namespace inferbench::cpu_ref
