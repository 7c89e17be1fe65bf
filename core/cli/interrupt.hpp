// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench {

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
