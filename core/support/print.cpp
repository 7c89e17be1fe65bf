// SPDX-License-Identifier: Apache-2.0
#include "support/print.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "support/write_error.hpp"

namespace inferbench {

StdoutError::StdoutError(int error_number)
    : Error(fmt::format("cannot write to standard output: {}",
                        error_number == EBADF ? "it is closed" : std::strerror(error_number)),
            write_cure(error_number)),
      reader_gone_(error_number == EPIPE) {}

void write_result(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw StdoutError(errno);
}

void flush_results() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw StdoutError(errno == 0 ? EIO : errno);
}

void write_message(std::string_view text) noexcept {
  // stderr is unbuffered, so this is one write. A failure cannot be reported anywhere.
  if (std::fwrite(text.data(), 1, text.size(), stderr) != text.size()) std::clearerr(stderr);
}

void vprint_result(fmt::string_view format, fmt::format_args arguments) {
  fmt::memory_buffer text;
  fmt::vformat_to(std::back_inserter(text), format, arguments);
  write_result({text.data(), text.size()});
}

void vprint_message(fmt::string_view format, fmt::format_args arguments) noexcept {
  try {
    fmt::memory_buffer text;
    fmt::vformat_to(std::back_inserter(text), format, arguments);
    write_message({text.data(), text.size()});
  } catch (...) {
    write_message("inferbench: a message is lost: out of memory\n");
  }
}

}  // namespace inferbench
