// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "plugin/forked_child.hpp"

namespace inferbench {

/// The subject of a probe, for its messages.
struct ProbeText {
  std::string subject;               ///< the thing that is probed, such as a path
  std::string doing = "loading it";  ///< the action of the work
};

/// Work in a forked child, so that code that ends its process ends only that child.
///
/// dlopen runs a library's static constructors. A constructor that throws reaches std::terminate inside the loader
/// (glibc cannot unwind through it); one that crashes, exits or hangs takes its process with it. The child is killed as
/// soon as it has answered, so destructors and exit handlers never run. Its stdout is discarded.
class Probe {
 public:
  using Clock = std::chrono::steady_clock;

  /// Starts the child; `work` returns the answer. Throws Error if the child cannot start.
  Probe(const std::function<std::string()>& work, ProbeText text, std::chrono::milliseconds time_limit);

  int socket() const { return child_.socket(); }  ///< readable when there is something for take()
  Clock::time_point deadline() const { return deadline_; }

  /// Reads what has arrived, without waiting; true once the answer is complete, the child has ended or its time is up.
  bool take();

  /// Waits for the end and returns the answer. Rethrows an Error that `work` threw. If the child ended in another way,
  /// throws Error "SUBJECT: FAULT" with the signal, the exit code or the exception, and the last line of its stderr.
  /// Call it once.
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

/// Runs `work` in a forked child; like Probe.
void probe_in_child(const std::function<void()>& work, const std::string& subject,
                    std::chrono::milliseconds time_limit = std::chrono::seconds(30),
                    const std::string& doing = "loading it");

}  // namespace inferbench
