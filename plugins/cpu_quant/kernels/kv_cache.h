// SPDX-License-Identifier: Apache-2.0
//
// Where the KV cache has its blocks, and elements of them as floats, over Vec (vec_*.h).
#pragma once

#include "kernels.h"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of kernel files only

inline int32_t at_most(int32_t value, int32_t bound) {
  return value < bound ? value : bound;
}

template <class E>
Vec load_elements(const E* p);
template <>
inline Vec load_elements<float>(const float* p) {
  return Vec::load(p);
}
template <>
inline Vec load_elements<uint16_t>(const uint16_t* p) {
  return Vec::load_f16(p);
}
template <>
inline Vec load_elements<int8_t>(const int8_t* p) {
  return Vec::load_i8(p);
}

// The first n of 16; the rest is 0 and not read.
template <class E>
Vec load_elements_part(const E* p, int32_t n) {
  if (n >= 16) return load_elements(p);
  E copy[16] = {};
  for (int32_t i = 0; i < n; ++i) copy[i] = p[i];
  return load_elements(copy);
}

// A block of 16 positions and one head, of keys or values.
template <class E>
struct KvBlock {
  E* elements;
  float* scales;  // int8 only
};

// A group of heads with elements of type E; heads count from the first that the arguments name.
template <class E>
class Cache {
 public:
  explicit Cache(const AttentionArgs& a)
      : scale_offset_(kv_block_scale_offset(a.kv_type, a.head_dim)),
        block_bytes_(kv_block_bytes(a.kv_type, a.head_dim)),
        block_stride_(block_bytes_ * a.group_heads),
        keys_(a.cache + a.first_head * block_bytes_),
        values_(keys_ + kv_keys_bytes(a.kv_type, a.capacity, a.head_dim, a.group_heads)) {}

  [[nodiscard]] KvBlock<E> keys(int32_t head, int32_t position) const { return block(keys_, head, position); }
  [[nodiscard]] KvBlock<E> values(int32_t head, int32_t position) const { return block(values_, head, position); }

  // Bytes between a head's blocks.
  [[nodiscard]] int64_t block_stride() const { return block_stride_; }
  [[nodiscard]] int64_t block_bytes() const { return block_bytes_; }

 private:
  [[nodiscard]] KvBlock<E> block(uint8_t* base, int32_t head, int32_t position) const {
    uint8_t* at = base + position / kKvBlock * block_stride_ + head * block_bytes_;
    return {reinterpret_cast<E*>(at), reinterpret_cast<float*>(at + scale_offset_)};
  }

  int64_t scale_offset_;
  int64_t block_bytes_;
  int64_t block_stride_;
  uint8_t* keys_;
  uint8_t* values_;
};

// Calls function(element{}) with an element of the cache's type.
template <class F>
void with_element(int32_t kv_type, F function) {
  if (kv_type == kKvF32) {
    function(float{});
  } else if (kv_type == kKvF16) {
    function(uint16_t{});
  } else {
    function(int8_t{});
  }
}

}  // namespace
