// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "buffer.hpp"
#include "kernels/kernels.hpp"
#include "shape.hpp"

namespace inferbench::cpu_ref {

/// Keys and values of all slots, layers and key-value heads, laid out as packed matrices, so that attention is two
/// products with the kernel of the linear layers:
///   scores[queries, keys]   = q[queries, head_dim]  * keys: panels of 32 keys, [panel][head_dim][32]
///   out[queries, head_dim]  = scores[queries, keys] * values: panels of 32 channels, [panel][max_tokens][32]
class KvCache {
 public:
  KvCache(const Shape& shape, std::int64_t n_slots, std::int64_t max_tokens);

  float* key_panel(std::int64_t slot, std::int64_t layer, std::int64_t head, std::int64_t panel) const {
    return part(slot, layer, head) + panel * head_dim_ * kPanel;
  }
  float* value_panel(std::int64_t slot, std::int64_t layer, std::int64_t head, std::int64_t panel) const {
    return part(slot, layer, head) + key_floats_ + panel * max_tokens_ * kPanel;
  }

  /// Stores one position's key and value [head_dim] of one head.
  void store(std::int64_t slot, std::int64_t layer, std::int64_t head, std::int64_t position, const float* key,
             const float* value) const;

  const Buffer& storage() const { return storage_; }

 private:
  float* part(std::int64_t slot, std::int64_t layer, std::int64_t head) const {
    return storage_.data() + ((slot * n_layers_ + layer) * n_heads_ + head) * (key_floats_ + value_floats_);
  }

  std::int64_t n_layers_;
  std::int64_t n_heads_;  ///< of keys and values
  std::int64_t head_dim_;
  std::int64_t max_tokens_;
  std::int64_t key_floats_;    ///< of one head: max_tokens rounded up to 32, times head_dim
  std::int64_t value_floats_;  ///< of one head: head_dim rounded up to 32, times max_tokens
  Buffer storage_;
};

}  // namespace inferbench::cpu_ref
