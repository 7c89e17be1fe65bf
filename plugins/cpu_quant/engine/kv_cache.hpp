// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/buffer.hpp"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// Keys and values of every slot: one block per (slot, layer, head), as kernels.h lays it out, zeros before first use.
class KvCache {
 public:
  /// Throws std::bad_alloc.
  KvCache(std::int32_t type, std::int32_t n_slots, std::int32_t n_layers, std::int32_t n_heads, std::int32_t head_dim,
          std::int32_t capacity, MemoryMeter& meter)
      : type_(type),
        n_layers_(n_layers),
        n_heads_(n_heads),
        head_dim_(head_dim),
        capacity_(capacity),
        head_bytes_(kv_head_bytes(type, capacity, head_dim)) {
    BufferPlan plan;
    const auto blocks = static_cast<std::uint64_t>(n_slots) * static_cast<std::uint64_t>(n_layers);
    plan.reserve(blocks * static_cast<std::uint64_t>(n_heads), static_cast<std::uint64_t>(head_bytes_));
    buffer_ = Buffer(plan.bytes(), meter);
  }

  std::uint8_t* block(std::int32_t slot, std::int32_t layer, std::int32_t head) {
    return buffer_.data() + ((std::int64_t{slot} * n_layers_ + layer) * n_heads_ + head) * head_bytes_;
  }

  std::int32_t type() const { return type_; }
  std::int32_t head_dim() const { return head_dim_; }
  std::int32_t capacity() const { return capacity_; }
  std::uint64_t bytes() const { return buffer_.size(); }

 private:
  std::int32_t type_;
  std::int32_t n_layers_;
  std::int32_t n_heads_;
  std::int32_t head_dim_;
  std::int32_t capacity_;
  std::int64_t head_bytes_;
  Buffer buffer_;
};

}  // namespace inferbench::cpu_quant
