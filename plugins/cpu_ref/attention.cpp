// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// One head of the rows of one block: keys and values of qkv [rows, 3 width] into the cache.
void store_block(const Session& session, std::int64_t layer, std::int64_t head, const RowBlock& block,
                 const Rows& qkv) {
  const Shape& shape = session.model.shape;
  for (std::int64_t i = 0; i < block.n; ++i) {
    const float* key = qkv.row(block.row + i) + shape.width + head * shape.head_width;
    session.cache.store(block.slot, layer, head, block.position + i, key, key + shape.width);
  }
}

// One head of one block. scores [block.n, keys]; row i sees the keys of positions 0 to block.position + i.
void attend_block(const Session& session, std::int64_t layer, std::int64_t head, const RowBlock& block, const Rows& qkv,
                  const Rows& out, const Rows& scores) {
  const Shape& shape = session.model.shape;
  const Kernels& kernels = *session.model.engine.kernels;
  const std::int64_t width = shape.head_width;
  const std::int64_t n_keys = block.position + block.n;
  const std::int64_t padded = round_up(n_keys, kPanel);

  const Rows q{qkv.row(block.row) + head * width, block.n, qkv.stride};
  for (std::int64_t i = 0; i < block.n; ++i) std::fill_n(scores.row(i), padded, 0.0F);
  for (std::int64_t p = 0; p < padded / kPanel; ++p) {
    const float* keys = session.cache.key_panel(block.slot, layer, head, p);  // [head_width, 32 keys]
    panel_product(kernels, q, keys, width, {scores.data + p * kPanel, block.n, scores.stride}, kPanel);
  }

  const float scale = shape.attention_scale(layer);
  for (std::int64_t i = 0; i < block.n; ++i) kernels.softmax(scores.row(i), block.position + i + 1, padded, scale);

  const Rows result{out.row(block.row) + head * width, block.n, out.stride};
  for (std::int64_t i = 0; i < block.n; ++i) std::fill_n(result.row(i), width, 0.0F);
  for (std::int64_t d = 0; d < width; d += kPanel) {
    const float* values = session.cache.value_panel(block.slot, layer, head, d / kPanel);  // [max_tokens, 32 channels]
    panel_product(kernels, scores, values, n_keys, {result.data + d, block.n, result.stride},
                  std::min(kPanel, width - d));
  }
}

}  // namespace

void attention(Session& session, std::int64_t layer, const Rows& qkv, const Rows& out) {
  const std::int64_t n_blocks = static_cast<std::int64_t>(session.blocks.size());
  const std::int64_t n_heads = session.model.shape.n_heads;
  ThreadPool& pool = *session.model.engine.pool;
  pool.parallel_for(n_blocks * n_heads, [&](std::int64_t item, int) {
    store_block(session, layer, item % n_heads, session.blocks.data()[item / n_heads], qkv);
  });
  pool.parallel_for(n_blocks * n_heads, [&](std::int64_t item, int thread) {
    // Late blocks see the most keys: they go first, so that the threads end together.
    const RowBlock& block = session.blocks.data()[n_blocks - 1 - item / n_heads];
    const Rows scores{session.scores.row(thread * kBlockRows), block.n, session.scores.stride};
    attend_block(session, layer, item % n_heads, block, qkv, out, scores);
  });
}

}  // namespace inferbench::cpu_ref
