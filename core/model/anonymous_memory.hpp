// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace inferbench {

/// Zeroed memory for weights that no file holds as they are handed over, in huge pages if available. Pages are first
/// touched by the thread that fills them.
class AnonymousMemory {
 public:
  /// `what` names the contents in the Error that is thrown if there is not enough memory: "synthetic weights"; `hint`:
  /// what to do then.
  AnonymousMemory(std::size_t n_bytes, const std::string& what, std::string hint);
  AnonymousMemory(const AnonymousMemory&) = delete;
  AnonymousMemory& operator=(const AnonymousMemory&) = delete;
  ~AnonymousMemory();

  std::byte* data() const { return data_; }

  /// Where the next `n_bytes` may go so that each part begins on a cache line.
  static constexpr std::size_t padded(std::size_t n_bytes) { return (n_bytes + 63) / 64 * 64; }

 private:
  std::size_t n_bytes_;
  std::byte* data_ = nullptr;
};

}  // namespace inferbench
