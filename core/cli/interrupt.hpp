// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench {

constexpr int kInterrupted = 130;  ///< Exit code after Ctrl-C: 128 + SIGINT, like a shell's.

/// During its lifetime, the first SIGINT or SIGTERM only requests a stop; the second ends the program immediately. Only
/// one instance may exist at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool requested() const;
};

}  // namespace inferbench
