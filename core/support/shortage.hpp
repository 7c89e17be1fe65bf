// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "support/error.hpp"

namespace inferbench {

/// This program cannot do its own part of the work: the machine, or a limit of the user's, denies it files, processes
/// or memory. No backend is to blame, so nobody makes a row of it: it stops the command.
class ShortageError : public Error {
 public:
  using Error::Error;
};

/// Why `doing` ("start a worker") failed with this errno, with the limit that may be the reason and how to raise it.
ShortageError shortage(const std::string& doing, int error_number);

/// Raises the soft limit of open files to the hard one. Once, at the start of main.
void raise_file_limit() noexcept;
/// Puts back the limit that this process was started with: backends get what their user gave. Between fork and exec,
/// or in a forked child; async-signal-safe after raise_file_limit.
void restore_file_limit() noexcept;

/// Throws ShortageError where fewer than `count` more files can be opened. `what` begins the message: "40 workers at
/// once need".
void require_descriptors(std::size_t count, const std::string& what);

}  // namespace inferbench
