// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "support/descendants.hpp"

namespace inferbench {

/// A file descriptor that is closed by the destructor.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  ~OwnedFd() { reset(); }
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }  ///< the caller closes it
  void reset();

 private:
  int fd_;
};

/// A fork of this process, for code that may end its process in any way. Nothing is reloaded: the child has a copy of
/// the parent's memory, so the parent must have no other threads.
///
/// Child and parent are shielded from each other: the child has its own process group, stdin and (unless given) stdout
/// on /dev/null, none of the parent's other descriptors, default signal handlers, and no core file. It ends with _exit,
/// so no static destructor or exit handler runs, and it is killed when its parent ends. Processes that it started end
/// with it (see kill_orphans).
class ForkedChild {
 public:
  /// Runs `body` in the child; its argument is one end of a stream socket, the other end is socket(). `output` and
  /// `errors` become the child's stdout and stderr; -1: /dev/null. Throws std::system_error if the child cannot start.
  ForkedChild(const std::function<void(int socket)>& body, int output, int errors);
  ~ForkedChild();  ///< kills and reaps
  ForkedChild(ForkedChild&& other) noexcept;
  ForkedChild& operator=(ForkedChild&& other) = delete;

  int socket() const { return socket_.get(); }

  /// Kills the child's group, unless the child has already been reaped, and reaps the child. Returns the status of
  /// waitpid.
  int kill();
  /// Once the child has ended, reaps it and kills the rest of its group; nullopt if it has not ended in time.
  std::optional<int> wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  int wait();

  OwnedFd socket_;
  OwnChild own_;
  pid_t pid_ = -1;
  int status_ = 0;
};

/// Exit code of a child that could not send its answer because the code in it closed the socket.
inline constexpr int kSocketLost = 121;

/// How a process ended, from waitpid's status: "signal 11 (Segmentation fault)", "exit code 3".
std::string end_text(int status);

/// Sends all of `bytes`; returns false if the other end is gone.
bool send_all(int socket, const void* bytes, std::size_t size);

}  // namespace inferbench
