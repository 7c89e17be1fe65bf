// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// What one run of the built program gave.
struct ProgramResult {
  int exit_code = -1;  ///< -1: ended by a signal
  std::string out;
  std::string err;
};

/// Runs `inferbench ARGUMENTS...` with `input` on standard input, and waits.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& input = "");

}  // namespace inferbench
