// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>

#include "support/error.hpp"

namespace inferbench {

/// The message for an exception that reached `main`, and the exit code.
struct Failure {
  std::string what;
  std::string hint;  ///< empty: none
  ExitCode code = ExitCode::kInternal;
};

/// Bad input, a full disk or lack of memory can be fixed by the user. Any other exception is reported as a bug in the
/// program, with ExitCode::kInternal.
Failure explain_failure(const std::exception_ptr& exception);

}  // namespace inferbench
