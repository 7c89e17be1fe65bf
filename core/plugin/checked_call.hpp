// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "plugin/backend.hpp"

// Calls of a backend's functions in this folder: statuses and stray exceptions become BackendError.
namespace inferbench {

/// Throws BackendError: "backend NAME: CALL: STATUS: TEXT".
[[noreturn]] void throw_status(const Plugin& plugin, std::string_view call, ib_status status, const std::string& text);

/// The message from a plugin, which may be empty, unterminated or several lines long.
std::string message_of(const ib_error& error);

/// The error text for a raw call that returned `status`: "CALL: MESSAGE". Without a message, the status in words, or
/// its number if the ABI does not define it.
std::string failure_text(std::string_view call, ib_status status, const ib_error& error);

/// The same for IB_CANCELLED without a request by the host, which is a fault of the backend.
std::string unasked_cancel_text(std::string_view call, const ib_error& error);

/// The text of the exception that is being handled.
std::string current_exception_text();

/// Calls one function of the backend; turns its status, or an exception that it throws, into a BackendError.
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

/// Calls a teardown function of the plugin. If it throws, the rest must still be torn down, so the exception is only
/// reported to HostCallbacks::teardown.
template <typename Call>
void destroy(const HostCallbacks& callbacks, std::string_view name, Call call) noexcept {
  const auto tell = [&](std::string_view at, const std::string& problem) noexcept {
    try {
      if (callbacks.teardown) callbacks.teardown(at, problem);
    } catch (...) {  // nothing can handle it here
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

/// The plugin's struct in this host's version: fields missing from an older plugin are zero, extra fields of a newer
/// one are cut.
template <typename Info>
Info completed(const Plugin& plugin, std::string_view call, const Info* info) {
  if (info == nullptr) throw_status(plugin, call, IB_INTERNAL, "it returned null");
  Info copy{};
  std::memcpy(&copy, info, std::min<std::size_t>(info->struct_size, sizeof(copy)));
  return copy;
}

}  // namespace inferbench
