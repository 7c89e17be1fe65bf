// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace inferbench {

/// What the program's exit status says (section "Commands" of the README).
enum class ExitCode : int {
  kDone = 0,
  kCheckFailed = 1,   ///< a target, a regression or a conformance rule
  kBadInput = 2,      ///< wrong use, or an input that cannot be read
  kTrialsFailed = 3,  ///< the run is complete, but some trials failed
  kUnclear = 4,       ///< a check that can be neither passed nor failed by what was measured
  kInternal = 70,     ///< a mistake of the program (EX_SOFTWARE of sysexits.h)
};

/// An error that a user reads: one line of what is wrong and, where something can be done, one line of how to mend it.
/// Everything in the core throws this for bad input; `main` prints it and exits with `exit_code`.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, std::string cure = {}, ExitCode code = ExitCode::kBadInput)
      : std::runtime_error(what), cure_(std::move(cure)), code_(code) {}

  /// How to mend it, without a final period; empty where nothing is known.
  const std::string& cure() const noexcept { return cure_; }
  ExitCode exit_code() const noexcept { return code_; }

 private:
  std::string cure_;
  ExitCode code_;
};

}  // namespace inferbench
