// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "inferbench/backend.hpp"
#include "kv_cache.hpp"
#include "model.hpp"

namespace inferbench::cpu_ref {

/// A row-major matrix in work space: n rows, `stride` floats apart.
struct Rows {
  float* data = nullptr;
  std::int64_t n = 0;
  std::int64_t stride = 0;

  float* row(std::int64_t r) const { return data + r * stride; }
  Rows first(std::int64_t count) const { return {data, count, stride}; }
};

/// Consecutive tokens of one sequence that are attended together.
struct RowBlock {
  std::int64_t row = 0;  ///< of the first, within the pass
  std::int64_t n = 0;    ///< at most kBlockRows
  std::int64_t slot = 0;
  std::int64_t position = 0;  ///< of the first, within the sequence
  const std::int32_t* tokens = nullptr;
};

constexpr std::int64_t kBlockRows = 24;
/// Tokens that one pass through the layers takes; longer calls make several, which bounds the work space.
constexpr std::int64_t kPassRows = 512;

/// KV caches and work space. Everything that forward needs is allocated and touched here.
struct Session {
  /// Throws Failure or std::bad_alloc.
  Session(const Model& model, const ib_session_params& params);

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t new_past);
  const ib_session_info& info() const { return info_; }

  const Model& model;
  SessionLimits limits;
  std::vector<std::int32_t> n_past;  ///< [n_slots] tokens held

  KvCache cache;
  Buffer scratch;
  Rows x;       ///< [pass rows, width] the residual stream
  Rows normed;  ///< [pass rows, width] a layer norm's result; then attention's
  Rows qkv;     ///< [pass rows, 3 width]
  Rows hidden;  ///< [pass rows, inner]
  Rows logits;  ///< [sequences of a pass, vocab], for greedy
  Rows scores;  ///< [threads * kBlockRows, max_tokens rounded up to 32]

  std::vector<RowBlock> blocks;         ///< of the present pass
  std::vector<std::int64_t> last_rows;  ///< of the present pass: rows that end a sequence

 private:
  ib_session_info info_{};
};

}  // namespace inferbench::cpu_ref
