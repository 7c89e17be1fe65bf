// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/forked_child.hpp"

namespace inferbench {

/// A forked child in which a backend handles requests for a command, one at a time. Whatever the backend does there,
/// this process survives. Everything that the child prints, on either stream, is passed on to this process's stderr.
class BackendChild {
 public:
  /// Answers one request. Its exceptions come out of call(): Error, BackendError and std::bad_alloc unchanged, all
  /// others as an Error.
  using Serve = std::function<std::string(std::string_view request)>;

  /// Starts the child. `make_serve` runs there at the first request; the destructors of what it returns run there too,
  /// in finish(). `subject` ("backend cpu_ref") starts the messages about the child's end. Throws Error.
  BackendChild(std::function<Serve()> make_serve, std::string subject);
  ~BackendChild();  ///< kills it
  BackendChild(const BackendChild&) = delete;
  BackendChild& operator=(const BackendChild&) = delete;

  /// Sends `request` and waits for the answer, without a time limit. Throws the exception of `Serve`. If the child ends
  /// instead, throws Error that says how it ended, what it was `doing` ("forward"), and the last line that it printed.
  std::string call(std::string_view request, std::string_view doing);

  /// Lets the child free its resources and waits for it; does nothing if the child has ended. Returns one line that
  /// says what went wrong, or an empty string.
  std::string finish(std::chrono::milliseconds patience = std::chrono::seconds(5));

 private:
  std::string receive(std::string_view doing);
  bool pass_on_output();
  [[noreturn]] void explain_end(std::string_view doing);

  std::string subject_;
  OwnedFd output_;  ///< the child's output
  std::optional<ForkedChild> child_;
  std::string printed_;  ///< the last part of the output
  std::string received_;
};

/// Runs `work` in a BackendChild and returns its answer, for a command with a single request. Throws like
/// BackendChild::call.
std::string answer_of_child(std::function<std::string()> work, const std::string& subject, std::string_view doing);

}  // namespace inferbench
