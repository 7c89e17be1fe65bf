// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "inferbench/attention_rows.hpp"
#include "inferbench/backend.h"
#include "inferbench/pass_plan.hpp"

namespace inferbench::torch_backend {

struct AttentionShape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t n_slots = 0;
  std::int64_t max_tokens = 0;
  double soft_cap = 0;  ///< of scores; 0: none
};

/// Row limit of a segment; it keeps a head's score matrix small for long sequences.
std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens, c10::Device device);

/// Added to the scores: 0 for what a token may see, -infinity for its future and for positions before its window:
/// [rows, seen_keys].
at::Tensor causal_mask(const PassSegment& rows, std::int64_t window, const at::TensorOptions& options);

/// A segment of a pass with its masks, which layers share. On a GPU it may be several sequences of as many rows at the
/// same positions, in consecutive slots and consecutive rows: `slot` and `first_row` are those of the first, and
/// `n_rows` is of each.
class Segment : public PassSegment {
 public:
  explicit Segment(const PassSegment& rows) : PassSegment(rows) {}

  /// Takes in the segment if the two can be one.
  bool join(const PassSegment& next);
  std::int64_t n_sequences() const { return n_sequences_; }
  std::int64_t all_rows() const { return n_sequences_ * n_rows; }

  /// causal_mask, built on the first call for that window.
  const at::Tensor& mask(std::int64_t window, const at::TensorOptions& options);

 private:
  std::int64_t n_sequences_ = 1;
  std::map<std::int64_t, at::Tensor> masks_;  // by window
};

/// The segments of a pass, joined where the device gains by it.
std::vector<Segment> segments_of(std::span<const PassSegment> segments, c10::Device device);

/// What attention reads of a pass: queries [rows, n_heads, head_dim], keys and values [rows, n_kv_heads, head_dim],
/// normed and rotated.
struct Heads {
  at::Tensor queries;
  at::Tensor keys;
  at::Tensor values;
};

/// KV cache, reserved once, and causal attention.
class Attention {
 public:
  virtual ~Attention() = default;

  /// Stores the segment's keys and values, and writes softmax(scale q k^T) v to its rows of
  /// out [rows, n_heads head_dim]. `layer` is the index in the cache.
  virtual void run(std::int64_t layer, const ib_layer_desc& desc, Segment& segment, const Heads& heads,
                   at::Tensor& out) = 0;

  /// Stores keys and values [n, n_kv_heads, head_dim] of the positions from `past` on.
  virtual void append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
                      const at::Tensor& values) = 0;

  virtual std::uint64_t kv_bytes() const = 0;
};

/// Allocates the cache, in the type of `options` on its device.
std::unique_ptr<Attention> make_attention(const AttentionShape& shape, const at::TensorOptions& options);
std::unique_ptr<Attention> make_device_attention(const AttentionShape& shape, const at::TensorOptions& options);

}  // namespace inferbench::torch_backend
