// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

#include "inferbench/pass_plan.hpp"

namespace inferbench::onednn {

struct AttentionShape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t head_width = 0;
  std::int64_t n_slots = 0;
  std::int64_t max_tokens = 0;
  std::int64_t max_rows = 0;  ///< of a segment
};

/// KV cache and causal attention: two batched products with a softmax between them, all heads at once.
class Attention {
 public:
  Attention(const dnnl::engine& engine, const AttentionShape& shape);

  /// Stores the keys and values of qkv, the rows of `segment` [segment.n_rows, 3 width], at its positions.
  void append(std::size_t layer, const PassSegment& segment, const float* qkv);

  /// Stores the keys and values of qkv [rows, 3 width] and writes softmax(scale q k^T) v to out [rows, width].
  void run(dnnl::stream& stream, std::size_t layer, const PassSegment& segment, float scale, const float* qkv,
           float* out);

  std::uint64_t kv_bytes() const { return (keys_.size() + values_.size()) * sizeof(float); }
  std::uint64_t scratch_bytes() const { return scores_.size() * sizeof(float); }

 private:
  /// Primitives for `n` rows and `n_keys` keys.
  struct Steps {
    dnnl::matmul score;
    dnnl::softmax_forward softmax;
    dnnl::matmul sum;
  };

  Steps& steps(std::int64_t n, std::int64_t n_keys);
  Steps make_steps(std::int64_t n, std::int64_t n_keys) const;
  dnnl::memory::desc query_layout(std::int64_t n) const;
  dnnl::memory::desc key_layout(std::int64_t n_keys) const;
  dnnl::memory::desc score_layout(std::int64_t n, std::int64_t n_keys) const;
  dnnl::memory::desc value_layout(std::int64_t n_keys) const;
  dnnl::memory::desc output_layout(std::int64_t n) const;
  std::int64_t cache_offset(std::size_t layer, std::int64_t slot) const;
  void hide_the_future(const PassSegment& segment, std::int64_t n_keys);

  dnnl::engine engine_;
  AttentionShape shape_;
  std::int64_t padded_tokens_;
  std::vector<float> keys_;    // [n_slots, n_layers, n_heads, padded tokens, head width]
  std::vector<float> values_;  // the same
  std::vector<float> scores_;  // [n_heads, rows, padded tokens]
  std::map<std::pair<std::int64_t, std::int64_t>, Steps> steps_;
};

}  // namespace inferbench::onednn
