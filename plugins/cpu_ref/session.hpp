// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "inferbench/backend.hpp"
#include "kv_cache.hpp"
#include "model.hpp"
#include "rotary_tables.hpp"

namespace inferbench::cpu_ref {

/// A row-major matrix in work space: n rows, `stride` floats apart.
struct Rows {
  float* data = nullptr;
  std::int64_t n = 0;
  std::int64_t stride = 0;

  float* row(std::int64_t r) const { return data + r * stride; }
  Rows first(std::int64_t count) const { return {data, count, stride}; }
  /// The columns from `first_column` on.
  Rows from_column(std::int64_t first_column) const { return {data + first_column, n, stride}; }
};

/// The stride of rows of that many columns: a cache line more than a multiple of one, so that rows of a power of two do
/// not all meet in one cache set. Softmax also writes its padding there, where a window begins in the middle of a
/// panel.
constexpr std::int64_t stride_of(std::int64_t columns) {
  return round_up(columns, 16) + 16;
}

/// Rows of one sequence that are attended together, at most: a segment of a pass.
constexpr std::int32_t kSegmentRows = 24;
/// Tokens that one pass through the layers takes; longer calls make several, which bounds the work space.
constexpr std::int32_t kPassRows = 512;

/// KV caches and work space. Everything that forward needs is allocated and touched here.
struct Session {
  /// Throws Failure or std::bad_alloc.
  Session(const Model& model, const ib_session_params& params);

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t new_past);
  const ib_session_info& info() const { return info_; }

  const Model& model;
  SlotLengths lengths;
  PassPlan plan;
  std::vector<PassOutput> picked;  ///< outputs of a pass that are handled together; room for all

  KvCache cache;
  RotaryTables rotary;
  Buffer scratch;
  Rows x;                   ///< [pass rows, hidden_size] the residual stream
  Rows normed;              ///< [pass rows, hidden_size] a norm's result
  Rows qkv;                 ///< [pass rows, qkv_size]
  Rows wide;                ///< [pass rows, query_size or mlp_in_size] attention's result; then the MLP's hidden layer
  Rows logits;              ///< [sequences of a pass, vocab_size], for greedy
  Rows scores;              ///< [threads * score_rows, max_tokens rounded up to 32]
  std::int64_t score_rows;  ///< of one thread: query rows that share keys, at most

 private:
  ib_session_info info_{};
};

}  // namespace inferbench::cpu_ref
