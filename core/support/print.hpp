// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <string_view>

#include "support/error.hpp"

namespace inferbench {

/// A result that could not be written to standard output.
class StdoutError : public Error {
 public:
  explicit StdoutError(int error_number);

  /// Whether the result went to a pipe whose reader has ended, as in `inferbench backends | head -1`.
  bool reader_gone() const noexcept { return reader_gone_; }

 private:
  bool reader_gone_;
};

/// Writes a part of a command's result to standard output. Throws StdoutError on failure. The stream is buffered, so a
/// failure may appear only in flush_results, which main calls at the end of every command.
void write_result(std::string_view text);
/// Hands everything written so far to the kernel. Throws StdoutError if any of it was lost.
void flush_results();

/// Writes a message for people (progress, warnings, errors) to stderr. A write that fails is ignored: a closed stderr
/// or a full disk must not stop the work.
void write_message(std::string_view text) noexcept;

/// write_message for one line.
inline void print_line(std::string_view line) noexcept {
  write_message(line);
  write_message("\n");
}

void vprint_result(fmt::string_view format, fmt::format_args arguments);
void vprint_message(fmt::string_view format, fmt::format_args arguments) noexcept;

/// write_result with fmt's formatting.
template <typename... Arguments>
void print_result(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  vprint_result(format, fmt::make_format_args(arguments...));
}

/// write_message with fmt's formatting.
template <typename... Arguments>
void print_message(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  vprint_message(format, fmt::make_format_args(arguments...));
}

}  // namespace inferbench
