// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "plugin/forked_child.hpp"

namespace inferbench {

/// What a probe is about, for its messages.
struct ProbeText {
  std::string subject;               ///< what is probed, such as a path
  std::string doing = "loading it";  ///< what the work does
};

/// Work that a forked child does, so that code which ends its process ends only that child.
///
/// dlopen runs a library's static constructors. One that throws reaches std::terminate inside the loader (glibc has no
/// way to unwind through it), one that crashes, exits or hangs takes its process along. The child is killed as soon as
/// it has answered, so destructors and exit handlers never run. Its stdout is dropped.
class Probe {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts it; `work` gives the answer. Throws Error where it cannot.
  Probe(const std::function<std::string()>& work, ProbeText text, std::chrono::milliseconds time_limit);

  int socket() const { return child_.socket(); }  ///< readable when there is something for take()
  Clock::time_point deadline() const { return deadline_; }

  /// Takes what has come, without waiting; true at the end: of the answer, of the child, or of its time.
  bool take();

  /// Waits for the end and returns the answer. Throws Error: the very Error that `work` threw; or, where the child
  /// ended otherwise, "SUBJECT: FAULT" with the signal, the exit code or the exception, and the last line of its
  /// stderr. Once.
  std::string wait();

 private:
  bool is_whole() const;

  ProbeText text_;
  std::chrono::milliseconds time_limit_;
  OwnedFd errors_;
  ForkedChild child_;
  Clock::time_point deadline_;
  std::string report_;
  bool ended_ = false;
};

/// Does `work` in a forked child first; as Probe.
void probe_in_child(const std::function<void()>& work, const std::string& subject,
                    std::chrono::milliseconds time_limit = std::chrono::seconds(30),
                    const std::string& doing = "loading it");

}  // namespace inferbench
