// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace inferbench {

/// The meaning of the program's exit status (section "Commands" of the README).
enum class ExitCode : int {
  kDone = 0,
  kCheckFailed = 1,   ///< a missed target, a regression or a broken conformance rule
  kBadInput = 2,      ///< incorrect usage or unreadable input
  kTrialsFailed = 3,  ///< the run is complete, but some trials failed
  kUnclear = 4,       ///< the measurements neither pass nor fail the check
  kInternal = 70,     ///< a bug in the program (EX_SOFTWARE of sysexits.h)
};

/// An error for the user: one line that says what is wrong and, if something can be done, one line that says how to fix
/// it. Everything in the core throws this for bad input; `main` prints it and exits with `exit_code`.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, std::string cure = {}, ExitCode code = ExitCode::kBadInput)
      : std::runtime_error(what), cure_(std::move(cure)), code_(code) {}

  /// The hint: how to fix it, without a final period. Empty if there is none.
  const std::string& cure() const noexcept { return cure_; }
  ExitCode exit_code() const noexcept { return code_; }

 private:
  std::string cure_;
  ExitCode code_;
};

}  // namespace inferbench
