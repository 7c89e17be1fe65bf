// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

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

  KvCache cache;
  Buffer scratch;
  Rows x;       ///< [pass rows, width] the residual stream
  Rows normed;  ///< [pass rows, width] a layer norm's result; then attention's
  Rows qkv;     ///< [pass rows, 3 width]
  Rows hidden;  ///< [pass rows, inner]
  Rows logits;  ///< [sequences of a pass, vocab], for greedy
  Rows scores;  ///< [threads * kSegmentRows, max_tokens rounded up to 32]

 private:
  ib_session_info info_{};
};

}  // namespace inferbench::cpu_ref
