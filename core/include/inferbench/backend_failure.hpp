// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench {

/// What a backend throws to return a status other than IB_OK, with one line for the user.
class Failure : public std::runtime_error {
 public:
  Failure(ib_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  ib_status status() const noexcept { return status_; }

 private:
  ib_status status_;
};

/// Throws Failure(IB_INVALID_ARGUMENT, message) unless `condition`.
inline void require(bool condition, const char* message) {
  if (!condition) throw Failure(IB_INVALID_ARGUMENT, message);
}

/// Writes `message` as one NUL-terminated line, cut where it is too long, never inside a UTF-8 sequence. `error` may be
/// null.
inline void set_error(ib_error* error, std::string_view message) noexcept {
  if (error == nullptr) return;
  std::size_t n = std::min(message.size(), sizeof(error->message) - 1);
  if (n < message.size()) {
    while (n > 0 && (static_cast<unsigned char>(message[n]) & 0xC0U) == 0x80U) --n;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto c = static_cast<unsigned char>(message[i]);
    error->message[i] = c < 0x20 || c == 0x7F ? ' ' : message[i];
  }
  error->message[n] = '\0';
}

/// Runs `function`, which returns nothing; an exception becomes a status and a message: Failure its own, running out of
/// memory IB_OUT_OF_MEMORY, all others IB_INTERNAL.
template <typename Function>
ib_status guard(ib_error* error, Function&& function) noexcept {
  try {
    function();
    return IB_OK;
  } catch (const Failure& failure) {
    set_error(error, failure.what());
    return failure.status();
  } catch (const std::bad_alloc&) {
    set_error(error, "out of memory");
    return IB_OUT_OF_MEMORY;
  } catch (const std::exception& exception) {
    set_error(error, exception.what());
    return IB_INTERNAL;
  } catch (...) {
    set_error(error, "an exception that is not a std::exception");
    return IB_INTERNAL;
  }
}

}  // namespace inferbench
