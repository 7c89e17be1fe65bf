// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/descendants.hpp"

namespace inferbench {

/// How a process ended.
struct ChildEnd {
  int signal = 0;        ///< that killed it, or 0
  int exit_code = 0;     ///< when no signal did
  bool by_host = false;  ///< the signal was this program's own SIGKILL

  bool good() const { return signal == 0 && exit_code == 0; }
};

/// How a child ends whose program could not be run: the code, and all that it prints.
inline constexpr int kExitNotStarted = 127;
inline constexpr std::string_view kNotStarted = "cannot start the worker";

/// "was killed by signal 11 (Segmentation fault)", "exited with code 3".
std::string to_string(const ChildEnd& end);

/// The last lines of a stream, in bounded memory.
class TextTail {
 public:
  void append(std::string_view bytes);
  /// At most 20 lines and 2048 bytes, control characters made harmless, lines separated by '\n'.
  std::string text() const;

 private:
  std::string bytes_;
};

/// A child in a process group of its own, with a socket on its descriptor 3 and both of its output streams in a pipe.
/// The kernel kills it when the thread that made it ends; the destructor kills the whole group and reaps it.
class ChildProcess {
 public:
  /// Runs `command` (a path and its arguments). Throws ShortageError.
  explicit ChildProcess(const std::vector<std::string>& command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int socket() const { return socket_; }      ///< stream, non-blocking
  int output() const { return output_; }      ///< the pipe's end, non-blocking; -1 once it is closed
  int process_fd() const { return pid_fd_; }  ///< readable when the child has ended; -1 on old kernels

  /// Reads what the child printed so far; false at its end.
  bool drain_output();
  std::string output_tail() const { return tail_.text(); }

  /// Memory that it holds now and shares with no file; nullopt once it has ended.
  std::optional<std::uint64_t> resident_bytes() const;

  /// The most memory that it held at once, files included; 0 until it has ended.
  std::uint64_t peak_resident_bytes() const { return peak_resident_bytes_; }

  /// Whether it has ended; how, where it has.
  std::optional<ChildEnd> poll_end();

  /// The signal that stopped it (SIGSTOP, SIGTSTP, ...) since this was asked last, even if it goes on by now; 0: none.
  int take_stop();

  /// Closes the socket, waits up to `patience_s` for the child to end, then kills. Returns how it ended.
  ChildEnd stop(double patience_s);

  /// Kills the whole group with SIGKILL and reaps, and whatever had left the group (see kill_orphans).
  ChildEnd kill();

  /// How many processes of its own still ran when it had ended, and were killed.
  int left_behind() const { return left_behind_; }

 private:
  void open_streams(int& child_socket, int& child_output);
  void reap();
  void close_all();
  void kill_group() const;

  pid_t pid_ = -1;
  OwnChild own_;
  int left_behind_ = 0;
  std::uint64_t peak_resident_bytes_ = 0;
  int socket_ = -1;
  int output_ = -1;
  int pid_fd_ = -1;
  std::optional<ChildEnd> end_;
  TextTail tail_;
};

/// Throws ShortageError where this process may not open the files that `n` workers at once need.
void require_files_for_workers(std::size_t n);

}  // namespace inferbench
