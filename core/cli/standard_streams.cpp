// SPDX-License-Identifier: Apache-2.0
#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr int kBySigpipe = 128 + SIGPIPE;  // like a shell

}  // namespace

StandardStreams prepare_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // Opened in the wrong direction, so that writing a result to a closed stdout fails. All lower descriptors are open,
    // so open() returns fd.
    const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened < 0) continue;
    if (opened != fd) ::close(opened);
  }
  struct sigaction before {};
  sigaction(SIGPIPE, nullptr, &before);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return {before.sa_handler == SIG_DFL};
}

void restore_write_signals() {
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_DFL);
}

void end_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  raise(SIGPIPE);
  _exit(kBySigpipe);
}

std::string read_standard_input() {
  std::string text;
  std::array<char, 65536> bytes{};
  while (const std::size_t n = std::fread(bytes.data(), 1, bytes.size(), stdin)) text.append(bytes.data(), n);
  if (std::ferror(stdin) != 0) {
    throw Error(fmt::format("cannot read standard input: {}", errno == EBADF ? "it is closed" : std::strerror(errno)),
                "redirect it from a file or a pipe");
  }
  return text;
}

}  // namespace inferbench
