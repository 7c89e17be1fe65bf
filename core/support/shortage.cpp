// SPDX-License-Identifier: Apache-2.0
#include "support/shortage.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "support/counted.hpp"

namespace inferbench {

namespace {

rlimit read_file_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

// The limit is per process, so its initial value is too.
const rlimit& file_limit_at_start() {
  static const rlimit kLimit = read_file_limit();
  return kLimit;
}

std::string limit_text(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "unlimited";
  return std::to_string(limit.rlim_cur);
}

std::size_t n_open_files() {
  namespace fs = std::filesystem;
  std::error_code problem;
  const fs::directory_iterator files("/proc/self/fd", problem);
  if (problem) return 0;
  return static_cast<std::size_t>(std::distance(files, fs::directory_iterator()));
}

}  // namespace

ShortageError shortage(const std::string& doing, int error_number) {
  const std::string what = fmt::format("cannot {}: {}", doing, std::strerror(error_number));
  switch (error_number) {
    case EMFILE:
      return ShortageError(fmt::format("{} (the limit is {})", what, limit_text(RLIMIT_NOFILE)),
                           "raise the open-file limit: ulimit -n");
    case ENFILE:
      return ShortageError(what, "raise the machine's open-file limit: sysctl fs.file-max");
    case EAGAIN:
      return ShortageError(fmt::format("{} (the user's process limit is {})", what, limit_text(RLIMIT_NPROC)),
                           "raise the process limit: ulimit -u, or pids.max of the control group");
    case ENOMEM:
      return ShortageError(what, "free memory, or compare fewer or smaller models at once");
    default:
      return ShortageError(what, "free memory, processes or open files, and try again");
  }
}

void raise_file_limit() noexcept {
  rlimit limit = file_limit_at_start();
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void restore_file_limit() noexcept {
  setrlimit(RLIMIT_NOFILE, &file_limit_at_start());
}

void require_descriptors(std::size_t count, const std::string& what) {
  const rlimit limit = read_file_limit();
  const std::size_t needed = n_open_files() + count;
  if (limit.rlim_cur == RLIM_INFINITY || needed <= limit.rlim_cur) return;
  throw ShortageError(
      fmt::format("{} {}, and this process may have {}", what, counted(needed, "open file"), limit.rlim_cur),
      fmt::format("raise the limit: ulimit -n {} (its hard limit is {}), or compare fewer at once", needed,
                  limit_text(RLIMIT_NOFILE)));
}

}  // namespace inferbench
