// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "plugin/backend.hpp"

// How this folder calls a backend's functions: statuses and stray exceptions become BackendError.
namespace inferbench {

/// Throws BackendError: "backend NAME: CALL: STATUS: TEXT".
[[noreturn]] void throw_status(const Plugin& plugin, std::string_view call, ib_status status, const std::string& text);

/// The message of a plugin that may have left it empty, unterminated or of several lines.
std::string message_of(const ib_error& error);

/// What to say of a raw call that returned `status`: "CALL: MESSAGE"; the status in words where there is no message,
/// and its number where the ABI has none such.
std::string failure_text(std::string_view call, ib_status status, const ib_error& error);

/// The same for IB_CANCELLED that the host never asked for: a fault of its own.
std::string unasked_cancel_text(std::string_view call, const ib_error& error);

/// Of the exception that is being handled.
std::string current_exception_text();

/// Calls one function of the backend and turns its status, or an exception that it let through, into a BackendError.
template <typename Call>
void checked_call(const Plugin& plugin, std::string_view name, Call call) {
  ib_error error{};
  ib_status status = IB_INTERNAL;
  try {
    status = call(error);
  } catch (...) {
    throw_status(plugin, name, IB_INTERNAL, "it threw an exception across the ABI: " + current_exception_text());
  }
  if (status != IB_OK) throw_status(plugin, name, status, message_of(error));
}

/// Calls a function of the plugin that takes something down. Nothing can be done where it throws: the rest must still
/// be torn down, but HostCallbacks::teardown is told.
template <typename Call>
void destroy(const HostCallbacks& callbacks, std::string_view name, Call call) noexcept {
  const auto tell = [&](std::string_view at, const std::string& problem) noexcept {
    try {
      if (callbacks.teardown) callbacks.teardown(at, problem);
    } catch (...) {  // nobody listens any more
    }
  };
  tell(name, {});
  try {
    call();
    tell({}, {});
  } catch (...) {
    tell({}, std::string(name) + ": it threw an exception across the ABI: " + current_exception_text());
  }
}

/// The plugin's struct as this host knows it: what an older plugin lacks is zero, what a newer one adds is cut.
template <typename Info>
Info completed(const Plugin& plugin, std::string_view call, const Info* info) {
  if (info == nullptr) throw_status(plugin, call, IB_INTERNAL, "it returned null");
  Info copy{};
  std::memcpy(&copy, info, std::min<std::size_t>(info->struct_size, sizeof(copy)));
  return copy;
}

}  // namespace inferbench
