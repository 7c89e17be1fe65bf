// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// What the process found at its start of how a broken pipe is to end it.
struct StandardStreams {
  bool broken_pipe_kills = true;  ///< SIGPIPE had its default action
};

/// Call first in main. Opens the descriptors 0 to 2 on /dev/null where they are closed, so that no file of a run ever
/// gets their numbers (using them still fails, as with a closed one), and has the kernel report a broken pipe or a
/// file beyond the size limit as a failed write instead of killing the process.
StandardStreams prepare_standard_streams();

/// For the worker process, whose backend may rely on it: broken pipes and too large files kill again.
void restore_write_signals();

/// Ends the process as a broken pipe ends other programs: silently, by SIGPIPE.
[[noreturn]] void end_by_broken_pipe();

/// All of standard input. Throws Error where it cannot be read.
std::string read_standard_input();

}  // namespace inferbench
