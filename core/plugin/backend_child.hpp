// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/forked_child.hpp"

namespace inferbench {

/// A forked child in which a backend works for a command, one request after the other. Whatever the backend does there,
/// this process goes on. What the child prints, on either stream, goes to this process's stderr as it comes.
class BackendChild {
 public:
  /// Answers one request. What it throws comes out of call(): Error, BackendError and std::bad_alloc as they are, all
  /// else as an Error.
  using Serve = std::function<std::string(std::string_view request)>;

  /// Starts the child. `make_serve` runs there, with the first request, and so do the destructors of what it returns,
  /// in finish(). `subject` ("backend cpu_ref") begins the messages about its end. Throws Error.
  BackendChild(std::function<Serve()> make_serve, std::string subject);
  ~BackendChild();  ///< kills it
  BackendChild(const BackendChild&) = delete;
  BackendChild& operator=(const BackendChild&) = delete;

  /// The answer to `request`; as long as it takes. Throws what `Serve` threw; Error where the child ends instead: how,
  /// `doing` what ("forward"), and the last line that it printed.
  std::string call(std::string_view request, std::string_view doing);

  /// Lets the child free what it holds and waits for it; nothing to do where it has ended. Returns what went wrong, in
  /// one line, or an empty string.
  std::string finish(std::chrono::milliseconds patience = std::chrono::seconds(5));

 private:
  std::string receive(std::string_view doing);
  bool pass_on_output();
  [[noreturn]] void explain_end(std::string_view doing);

  std::string subject_;
  OwnedFd output_;  ///< what the child prints
  std::optional<ForkedChild> child_;
  std::string printed_;  ///< the end of it
  std::string received_;
};

/// The answer of `work`, which a BackendChild does: for a command that asks once. Throws as BackendChild::call.
std::string answer_of_child(std::function<std::string()> work, const std::string& subject, std::string_view doing);

}  // namespace inferbench
