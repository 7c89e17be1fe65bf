// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace inferbench {

/// What a new process ran before its first measured trial.
struct WarmUp {
  std::uint64_t prompt_stream = 0;
  std::string digest;  ///< of the ids that it emitted; empty where it failed
};

}  // namespace inferbench
