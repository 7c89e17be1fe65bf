// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench {

/// While it lives, the first SIGINT or SIGTERM only asks to stop; the second ends the program at once. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool requested() const;
};

}  // namespace inferbench
