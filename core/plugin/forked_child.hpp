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

/// A file descriptor that it closes.
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
  void reset();

 private:
  int fd_;
};

/// This process, forked, for code that may end its process in any way. Nothing is loaded anew: the child has the memory
/// of its parent, so the parent must have no other threads.
///
/// The child is shielded from what it need not touch, and the parent from it: a process group of its own, stdin and
/// (unless given) stdout on /dev/null, none of the parent's other descriptors, default signal handlers, no core file.
/// It ends with _exit, so no static destructor or exit handler runs, and it is killed with its parent. What it started
/// ends with it (see kill_orphans).
class ForkedChild {
 public:
  /// Runs `body` in the child; its argument is one end of a stream socket, the other is socket(). `output` and `errors`
  /// become the child's stdout and stderr; -1: /dev/null. Throws std::system_error where it cannot start.
  ForkedChild(const std::function<void(int socket)>& body, int output, int errors);
  ~ForkedChild();  ///< kills and reaps
  ForkedChild(ForkedChild&& other) noexcept;
  ForkedChild& operator=(ForkedChild&& other) = delete;

  int socket() const { return socket_.get(); }

  /// Kills the child's group, unless the child has ended already, and reaps: the status of waitpid.
  int kill();
  /// Reaps the child, once it has ended, and kills the rest of its group; nullopt where it has not ended in time.
  std::optional<int> wait_until(std::chrono::steady_clock::time_point deadline);

 private:
  int wait();

  OwnedFd socket_;
  OwnChild own_;
  pid_t pid_ = -1;
  int status_ = 0;
};

/// Exit code of a child that could not send: the code in it closed the socket.
inline constexpr int kSocketLost = 121;

/// "signal 11 (Segmentation fault)", "exit code 3": how a process ended, by waitpid's status.
std::string end_text(int status);

/// All of `bytes`; false where the other end is gone.
bool send_all(int socket, const void* bytes, std::size_t size);

}  // namespace inferbench
