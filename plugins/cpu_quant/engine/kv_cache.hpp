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

/// What a cache holds: n_slots sequences of up to `capacity` positions, elements of type kKv*.
struct KvShape {
  std::int32_t type;
  std::int32_t n_slots;
  std::int32_t n_layers;
  std::int32_t n_heads;  ///< of keys and values
  std::int32_t head_dim;
  std::int32_t capacity;
};

/// Keys and values of every slot: for each (slot, layer) the groups of heads that kernels.h lays out, one after the
/// other, zeros before first use. A group for each thread where there are enough heads, so that its work is one stretch
/// of memory.
class KvCache {
 public:
  /// Throws std::bad_alloc.
  KvCache(const KvShape& shape, int n_threads, MemoryMeter& meter)
      : shape_(shape),
        n_groups_(std::min(shape.n_heads, n_threads)),
        head_bytes_(kv_group_bytes(shape.type, shape.capacity, shape.head_dim, 1)) {
    BufferPlan plan;
    const auto layers = static_cast<std::uint64_t>(shape.n_slots) * static_cast<std::uint64_t>(shape.n_layers);
    plan.reserve(layers * static_cast<std::uint64_t>(shape.n_heads), static_cast<std::uint64_t>(head_bytes_));
    buffer_ = Buffer(plan.bytes(), meter);
  }

  std::int32_t n_groups() const { return n_groups_; }
  /// The heads of a group; sizes differ by one at most.
  HeadRange group(std::int32_t i) const {
    const std::int32_t first = shape_.n_heads * i / n_groups_;
    return {first, shape_.n_heads * (i + 1) / n_groups_ - first};
  }
  std::int32_t group_of(std::int32_t head) const { return (n_groups_ * (head + 1) - 1) / shape_.n_heads; }
  std::int32_t most_heads() const { return ceil_div(shape_.n_heads, n_groups_); }  ///< of a group

  /// Arguments for all heads of a group, a head of queries for each; the caller adds the rows.
  AttentionArgs args(std::int32_t slot, std::int32_t layer, std::int32_t group_index) {
    const HeadRange heads = group(group_index);
    const std::int64_t heads_before = (std::int64_t{slot} * shape_.n_layers + layer) * shape_.n_heads + heads.first;
    AttentionArgs args{};
    args.cache = buffer_.data() + heads_before * head_bytes_;
    args.head_dim = shape_.head_dim;
    args.group_heads = args.n_heads = heads.n;
    args.queries_per_head = 1;
    args.capacity = shape_.capacity;
    args.kv_type = shape_.type;
    return args;
  }

  std::int32_t type() const { return shape_.type; }
  std::int32_t head_dim() const { return shape_.head_dim; }
  std::int32_t capacity() const { return shape_.capacity; }
  std::uint64_t bytes() const { return buffer_.size(); }

 private:
  KvShape shape_;
  std::int32_t n_groups_;
  std::int64_t head_bytes_;
  Buffer buffer_;
};

}  // namespace inferbench::cpu_quant
