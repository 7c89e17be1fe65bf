// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace inferbench::tokenizer_json {

/// Bounds what the components of one file may do to one text. A file from anywhere may hold a pattern that backtracks
/// without end, or replacements that double the text again and again. Not thread-safe.
class WorkLimit {
 public:
  /// `n_bytes`: of the text.
  explicit WorkLimit(std::size_t n_bytes);

  /// True if this thread has used more CPU time since the first call than any text of this size should take. Cheap:
  /// the clock is read once in 64 calls.
  bool is_used_up();

  /// Throws Error that names `where` if the text has grown to `n_bytes` that no normalizer should make of it.
  void check_size(std::size_t n_bytes, const std::string& where) const;

 private:
  std::size_t n_bytes_;
  std::uint32_t n_calls_ = 0;
  std::int64_t end_ns_ = 0;  ///< 0: not started
};

}  // namespace inferbench::tokenizer_json
