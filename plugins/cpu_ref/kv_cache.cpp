// SPDX-License-Identifier: Apache-2.0
#include "kv_cache.hpp"

#include <algorithm>
#include <new>

namespace inferbench::cpu_ref {

KvCache::KvCache(const Shape& shape, std::int64_t n_slots, std::int64_t max_tokens)
    : n_layers_(shape.n_layers),
      n_heads_(shape.n_kv_heads),
      head_dim_(shape.head_dim),
      max_tokens_(max_tokens),
      key_floats_(round_up(max_tokens, kPanel) * shape.head_dim),
      value_floats_(round_up(shape.head_dim, kPanel) * max_tokens) {
  std::int64_t heads = 0;
  std::int64_t floats = 0;
  if (__builtin_mul_overflow(n_slots, n_layers_ * n_heads_, &heads) ||
      __builtin_mul_overflow(heads, key_floats_ + value_floats_, &floats)) {
    throw std::bad_alloc();
  }
  storage_ = Buffer(floats);
}

void KvCache::store(std::int64_t slot, std::int64_t layer, std::int64_t head, std::int64_t position, const float* key,
                    const float* value) const {
  float* keys = key_panel(slot, layer, head, position / kPanel) + position % kPanel;
  for (std::int64_t d = 0; d < head_dim_; ++d) keys[d * kPanel] = key[d];
  for (std::int64_t d = 0; d < head_dim_; d += kPanel) {
    const std::int64_t n = std::min(kPanel, head_dim_ - d);
    std::copy(value + d, value + d + n, value_panel(slot, layer, head, d / kPanel) + position * kPanel);
  }
}

}  // namespace inferbench::cpu_ref
