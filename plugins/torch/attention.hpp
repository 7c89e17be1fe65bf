// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "inferbench/pass_plan.hpp"

namespace inferbench::torch_backend {

/// A segment of a pass with what all layers need of it.
struct Segment : PassSegment {
  explicit Segment(const PassSegment& rows);
  at::Tensor mask;  ///< causal_mask of its rows
};

struct AttentionShape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t head_width = 0;
  std::int64_t n_slots = 0;
  std::int64_t max_tokens = 0;
};

/// What is added to the scores: 0 for what a token may see, -infinity for its future: [n, past + n]. Undefined for few
/// tokens, which need none.
at::Tensor causal_mask(std::int64_t n, std::int64_t past);

/// KV cache, reserved once, and causal attention.
class Attention {
 public:
  /// Allocates the cache.
  explicit Attention(const AttentionShape& shape);

  /// Stores the keys and values of qkv [rows, 3 width] and writes softmax(scale q k^T + mask) v to the segment's rows
  /// of out [rows, width].
  void run(std::int64_t layer, const Segment& segment, double scale, const at::Tensor& qkv, at::Tensor& out);

  /// Stores keys and values [n, n_heads, head_width] of the positions from `past` on.
  void append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
              const at::Tensor& values);

  std::uint64_t kv_bytes() const;

 private:
  static at::Tensor one_token(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values);
  static at::Tensor many_tokens(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                                const at::Tensor& mask);

  AttentionShape shape_;
  at::Tensor keys_;    // [n_slots, n_layers, n_heads, max_tokens, head_width]
  at::Tensor values_;  // [n_slots, n_layers, n_heads, head_width, max_tokens]: transposed, as a product wants them
};

}  // namespace inferbench::torch_backend
