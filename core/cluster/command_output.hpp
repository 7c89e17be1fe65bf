// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace inferbench {

/// What a program wrote and how it ended.
struct CommandOutput {
  int exit_code = 0;  ///< 128 + signal if a signal ended it
  std::string out;
  std::string err;
};

/// Runs a program (found through PATH) without a shell and with an empty standard input, and waits for its end. nullopt
/// if there is no such program. Throws ShortageError if it cannot be started for another reason.
std::optional<CommandOutput> run_command(const std::vector<std::string>& words);

}  // namespace inferbench
