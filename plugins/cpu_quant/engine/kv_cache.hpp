// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/buffer.hpp"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// Consecutive heads.
struct HeadRange {
  std::int32_t first;
  std::int32_t n;
};

/// Keys and values of every slot: for each (slot, layer) the groups of heads that kernels.h lays out, one after the
/// other, zeros before first use. Where a thread's work is a group, it reads one stretch of memory.
class KvCache {
 public:
  /// Throws std::bad_alloc.
  KvCache(std::int32_t type, std::int32_t n_slots, std::int32_t n_layers, std::int32_t n_heads, std::int32_t head_dim,
          std::int32_t capacity, int n_threads, MemoryMeter& meter)
      : type_(type),
        n_layers_(n_layers),
        n_heads_(n_heads),
        head_dim_(head_dim),
        capacity_(capacity),
        n_groups_(std::min(n_heads, n_threads)),
        head_bytes_(kv_group_bytes(type, capacity, head_dim, 1)) {
    BufferPlan plan;
    const auto blocks = static_cast<std::uint64_t>(n_slots) * static_cast<std::uint64_t>(n_layers);
    plan.reserve(blocks * static_cast<std::uint64_t>(n_heads), static_cast<std::uint64_t>(head_bytes_));
    buffer_ = Buffer(plan.bytes(), meter);
  }

  std::int32_t n_groups() const { return n_groups_; }
  /// The heads of a group; all groups are nearly equal.
  HeadRange group(std::int32_t i) const {
    const std::int32_t first = n_heads_ * i / n_groups_;
    return {first, n_heads_ * (i + 1) / n_groups_ - first};
  }
  std::int32_t most_heads() const { return (n_heads_ + n_groups_ - 1) / n_groups_; }
  std::int32_t group_of(std::int32_t head) const { return (n_groups_ * (head + 1) - 1) / n_heads_; }

  std::uint8_t* data(std::int32_t slot, std::int32_t layer, std::int32_t group_index) {
    return buffer_.data() +
           ((std::int64_t{slot} * n_layers_ + layer) * n_heads_ + group(group_index).first) * head_bytes_;
  }

  /// Arguments for all heads of the group; the caller adds the rows.
  AttentionArgs args(std::int32_t slot, std::int32_t layer, std::int32_t group_index) {
    AttentionArgs args{};
    args.cache = data(slot, layer, group_index);
    args.head_dim = head_dim_;
    args.group_heads = args.n_heads = group(group_index).n;
    args.capacity = capacity_;
    args.kv_type = type_;
    return args;
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
  std::int32_t n_groups_;
  std::int64_t head_bytes_;
  Buffer buffer_;
};

}  // namespace inferbench::cpu_quant
