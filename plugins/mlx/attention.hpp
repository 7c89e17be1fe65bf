// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <map>
#include <vector>

#include "inferbench/attention_rows.hpp"
#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// Row limit of a segment: scores are made for all heads at once.
std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens);

/// A segment of a pass with its masks, which layers share.
class Segment : public PassSegment {
 public:
  explicit Segment(const PassSegment& rows) : PassSegment(rows) {}
  /// True for what a token may see: [rows, seen_keys]. Built on the first call for that window.
  const mx::array& mask(std::int64_t window);

 private:
  std::map<std::int64_t, mx::array> masks_;  // by window
};

/// What attention reads of a pass: queries [rows, n_heads, head_dim], keys and values [rows, n_kv_heads, head_dim],
/// normed and rotated.
struct Heads {
  mx::array queries;
  mx::array keys;
  mx::array values;
};

/// KV cache, reserved once, and causal attention by MLX's fast operator, or by its parts where scores are capped.
class Attention {
 public:
  /// Allocates the cache.
  Attention(const ib_model_desc& desc, std::int32_t n_slots, std::int32_t max_tokens, mx::Dtype dtype);

  /// Stores the keys and values of all segments, and returns softmax(scale q k^T) v: [rows, n_heads head_dim].
  mx::array run(std::int32_t layer, const ib_layer_desc& desc, std::vector<Segment>& segments, const Heads& heads);

  /// Stores the segment's rows of keys and values [rows, n_kv_heads, head_dim].
  void append(std::int32_t layer, const PassSegment& segment, const mx::array& keys, const mx::array& values);

  std::uint64_t kv_bytes() const;

 private:
  mx::array attend(std::int32_t layer, const ib_layer_desc& desc, Segment& segment, const mx::array& queries) const;
  mx::array capped(const mx::array& queries, const mx::array& keys, const mx::array& values, float scale,
                   const MaybeArray& mask) const;
  std::size_t index(std::int32_t layer, std::int32_t slot) const;

  std::int32_t n_slots_;
  float soft_cap_;  // of scores; 0: none
  // Of each layer and slot, [1, n_kv_heads, max_tokens, head_dim]. MLX writes to one in place as long as nothing else
  // holds it.
  std::vector<mx::array> keys_;
  std::vector<mx::array> values_;
};

}  // namespace inferbench::mlx_backend
