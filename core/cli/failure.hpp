// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>

#include "support/error.hpp"

namespace inferbench {

/// What the program says about an exception that reached `main`, and the code that it exits with.
struct Failure {
  std::string what;
  std::string hint;  ///< empty: none
  ExitCode code = ExitCode::kInternal;
};

/// Bad input, a full disk or want of memory are the user's to change; any other exception is a mistake of the program
/// and says so, with ExitCode::kInternal.
Failure explain_failure(const std::exception_ptr& exception);

}  // namespace inferbench
