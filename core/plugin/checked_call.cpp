// SPDX-License-Identifier: Apache-2.0
#include "plugin/checked_call.hpp"

#include <fmt/format.h>

#include <exception>

#include "support/one_line.hpp"

namespace inferbench {

std::string message_of(const ib_error& error) {
  const std::string_view text(error.message, strnlen(error.message, sizeof(error.message)));
  std::string line = one_line(text);
  return line.empty() ? "no message" : line;
}

void throw_status(const Plugin& plugin, std::string_view call, ib_status status, const std::string& text) {
  const bool is_known = status >= IB_OK && status <= IB_INTERNAL;
  const std::string name = is_known ? std::string(status_name(status)) : fmt::format("unknown status {}", status);
  throw BackendError(is_known ? status : IB_UNSUPPORTED,
                     fmt::format("backend {}: {}: {}: {}", plugin.name(), call, name, text));
}

std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& error) {
    return one_line(error.what());
  } catch (...) {
    return "of an unknown type";
  }
}

}  // namespace inferbench
