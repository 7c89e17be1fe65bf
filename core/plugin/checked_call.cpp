// SPDX-License-Identifier: Apache-2.0
#include "plugin/checked_call.hpp"

#include <fmt/format.h>

#include <exception>

#include "support/one_line.hpp"

namespace inferbench {

namespace {

bool is_known(ib_status status) {
  return status >= IB_OK && status <= IB_INTERNAL;
}

std::string status_text(ib_status status) {
  return is_known(status) ? std::string(status_name(status)) : fmt::format("unknown status {}", status);
}

std::string line_of(const ib_error& error) {
  return one_line(std::string_view(error.message, strnlen(error.message, sizeof(error.message))));
}

}  // namespace

std::string message_of(const ib_error& error) {
  std::string line = line_of(error);
  return line.empty() ? "no message" : line;
}

std::string failure_text(std::string_view call, ib_status status, const ib_error& error) {
  const std::string line = line_of(error);
  if (line.empty()) return fmt::format("{}: it returned \"{}\" without a message", call, status_text(status));
  return is_known(status) ? fmt::format("{}: {}", call, line)
                          : fmt::format("{}: {}: {}", call, status_text(status), line);
}

std::string unasked_cancel_text(std::string_view call, const ib_error& error) {
  const std::string line = line_of(error);
  return fmt::format("{}: it returned CANCELLED although no cancellation was requested{}{}", call,
                     line.empty() ? "" : ": ", line);
}

void throw_status(const Plugin& plugin, std::string_view call, ib_status status, const std::string& text) {
  throw BackendError(is_known(status) ? status : IB_UNSUPPORTED,
                     fmt::format("backend {}: {}: {}: {}", plugin.name(), call, status_text(status), text));
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
