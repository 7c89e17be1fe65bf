// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// How the process handled a broken pipe when it started.
struct StandardStreams {
  bool broken_pipe_kills = true;  ///< SIGPIPE had its default action
};

/// Call first in main. Opens closed descriptors 0 to 2 on /dev/null, so that no file of a run gets their numbers (using
/// them still fails, as with a closed descriptor). Makes the kernel report a broken pipe or a file over the size limit
/// as a failed write instead of killing the process.
StandardStreams prepare_standard_streams();

/// For the worker process, since its backend may rely on it: broken pipes and files over the size limit kill again.
void restore_write_signals();

/// Ends the process like other programs on a broken pipe: silently, by SIGPIPE.
[[noreturn]] void end_by_broken_pipe();

/// Reads all of standard input. Throws Error if it cannot be read.
std::string read_standard_input();

}  // namespace inferbench
