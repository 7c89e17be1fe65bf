// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

#include "inferbench/backend.h"
#include "inferbench/pass_plan.hpp"

namespace inferbench::onednn {

struct AttentionShape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t n_slots = 0;
  std::int64_t max_tokens = 0;
  std::int64_t max_rows = 0;  ///< of a segment
};

/// Row limit of a segment; it keeps the score matrix small for long sequences.
std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens);

/// What attention reads of a pass: its rows' queries [n_heads, head_dim], keys and values [n_kv_heads, head_dim] each,
/// normed and rotated. Rows are `stride` floats apart.
struct Heads {
  const float* queries = nullptr;
  const float* keys = nullptr;
  const float* values = nullptr;
  std::int64_t stride = 0;
};

/// KV cache and causal attention: two batched products with a softmax between them, all heads at once. Heads that share
/// keys are rows of one product.
class Attention {
 public:
  Attention(const dnnl::engine& engine, const AttentionShape& shape);

  /// Stores the keys and values of the segment's rows at its positions.
  void append(std::size_t layer, const PassSegment& segment, const Heads& heads);

  /// Stores keys and values, and writes softmax(scale q k^T) v over each row's window to the segment's rows
  /// of out [rows, n_heads head_dim]. `layer` is the index in the cache.
  void run(dnnl::stream& stream, std::size_t layer, const ib_layer_desc& desc, const PassSegment& segment,
           const Heads& heads, float* out);

  std::uint64_t kv_bytes() const { return (keys_.size() + values_.size()) * sizeof(float); }
  std::uint64_t scratch_bytes() const { return (scores_.size() + heads_.size()) * sizeof(float); }

 private:
  /// Primitives for `rows` rows of each key-value head and `n_keys` keys.
  struct Steps {
    dnnl::matmul score;
    dnnl::softmax_forward softmax;
    dnnl::matmul sum;
  };
  /// Consecutive cache positions.
  struct Range {
    std::int64_t begin;
    std::int64_t n;
  };

  Steps& steps(std::int64_t rows, std::int64_t n_keys);
  Steps make_steps(std::int64_t rows, std::int64_t n_keys) const;
  dnnl::memory::desc head_layout(std::int64_t rows) const;
  dnnl::memory::desc key_layout(std::int64_t n_keys) const;
  dnnl::memory::desc score_layout(std::int64_t rows, std::int64_t n_keys) const;
  dnnl::memory::desc value_layout(std::int64_t n_keys) const;
  std::int64_t cache_offset(std::size_t layer, std::int64_t slot) const;
  void gather_queries(const PassSegment& segment, const Heads& heads, float scale);
  void scatter_output(const PassSegment& segment, float* out) const;
  void hide_unseen(const PassSegment& segment, std::int64_t window, const Range& keys);

  dnnl::engine engine_;
  AttentionShape shape_;
  std::int64_t padded_tokens_;
  std::vector<float> keys_;    // [n_slots, n_layers, n_kv_heads, padded tokens, head_dim]
  std::vector<float> values_;  // the same
  std::vector<float> scores_;  // [n_heads, rows, keys]
  std::vector<float> heads_;   // [n_heads, rows, head_dim]: scaled queries, then the output
  std::map<std::pair<std::int64_t, std::int64_t>, Steps> steps_;
};

}  // namespace inferbench::onednn
