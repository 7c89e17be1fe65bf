// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace inferbench {

/// Does `work` in a forked child first, so that code which ends its process ends only that child.
///
/// dlopen runs a library's static constructors. One that throws reaches std::terminate inside the loader (glibc has no
/// way to unwind through it), one that crashes, exits or hangs takes its process along. The child's stdout is dropped,
/// and no core file is written.
///
/// Returns normally if `work` returned in the child. Throws Error: the very Error that `work` threw there; or, where
/// the child ended otherwise, "SUBJECT: FAULT" with the signal, the exit code or the exception, and the last line of
/// its stderr. `subject` is what is probed, such as a path; `doing` what `work` does, for the messages.
void probe_in_child(const std::function<void()>& work, const std::string& subject,
                    std::chrono::milliseconds time_limit = std::chrono::seconds(30),
                    const std::string& doing = "loading it");

}  // namespace inferbench
