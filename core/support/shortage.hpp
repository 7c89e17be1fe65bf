// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "support/error.hpp"

namespace inferbench {

/// The program cannot do its own part of the work because the machine or a user limit denies it files, processes or
/// memory. It is not a backend's fault, so it is not recorded as a row: it stops the command.
class ShortageError : public Error {
 public:
  using Error::Error;
};

/// The error for `doing` ("start a worker") failing with this errno, with the limit that may be the reason and how to
/// raise it.
ShortageError shortage(const std::string& doing, int error_number);

/// Raises the soft limit on open files to the hard limit. Call it once, at the start of main.
void raise_file_limit() noexcept;
/// Restores the limit that this process started with, so that backends get the user's limit. For use between fork and
/// exec, or in a forked child; async-signal-safe after raise_file_limit.
void restore_file_limit() noexcept;

/// Throws ShortageError if fewer than `count` more files can be opened. `what` begins the message: "40 workers at once
/// need".
void require_descriptors(std::size_t count, const std::string& what);

}  // namespace inferbench
