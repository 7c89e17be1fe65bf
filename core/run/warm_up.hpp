// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace inferbench {

/// The warm-up that a new process ran before its first measured trial.
struct WarmUp {
  std::uint64_t prompt_stream = 0;
  std::string digest;  ///< of the emitted ids; empty if it failed
};

}  // namespace inferbench
