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
  int signal = 0;        ///< the signal that killed it, or 0
  int exit_code = 0;     ///< if no signal killed it
  bool by_host = false;  ///< the signal was this program's own SIGKILL

  bool good() const { return signal == 0 && exit_code == 0; }
};

/// The exit code and the entire output of a child whose program could not be run.
inline constexpr int kExitNotStarted = 127;
inline constexpr std::string_view kNotStarted = "cannot start the worker";

/// "was killed by signal 11 (Segmentation fault)", "exited with code 3".
std::string to_string(const ChildEnd& end);

/// The last lines of a stream, in bounded memory.
class TextTail {
 public:
  void append(std::string_view bytes);
  /// At most 20 lines and 2048 bytes, control characters replaced, lines separated by '\n'.
  std::string text() const;

 private:
  std::string bytes_;
};

/// A child in its own process group, with a socket on its descriptor 3 and both output streams in a pipe. The kernel
/// kills it when the thread that created it ends. The destructor kills the entire group and reaps the child.
class ChildProcess {
 public:
  /// Runs `command` (a path and its arguments). Throws ShortageError.
  explicit ChildProcess(const std::vector<std::string>& command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int socket() const { return socket_; }      ///< stream, non-blocking
  int output() const { return output_; }      ///< read end of the pipe, non-blocking; -1 once it is closed
  int process_fd() const { return pid_fd_; }  ///< readable when the child has ended; -1 on old kernels

  /// Reads what the child has printed so far; returns false at the end of the output.
  bool drain_output();
  std::string output_tail() const { return tail_.text(); }

  /// Bytes of resident memory that are not file pages or shared memory; nullopt once the child has ended.
  std::optional<std::uint64_t> resident_bytes() const;

  /// Peak resident memory in bytes, file pages included; 0 until the child has ended.
  std::uint64_t peak_resident_bytes() const { return peak_resident_bytes_; }

  /// How the child ended; nullopt if it is still running.
  std::optional<ChildEnd> poll_end();

  /// The signal that stopped the child (SIGSTOP, SIGTSTP, ...) since the last call, even if it has continued; 0: none.
  int take_stop();

  /// Closes the socket, waits up to `patience_s` for the child to end, then kills it. Returns how it ended.
  ChildEnd stop(double patience_s);

  /// Kills the entire group with SIGKILL and reaps the child, and kills processes that left the group (see
  /// kill_orphans).
  ChildEnd kill();

  /// How many of the child's own processes were still running when it ended, and were killed.
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

/// Throws ShortageError if this process may not open the files that `n` simultaneous workers need.
void require_files_for_workers(std::size_t n);

}  // namespace inferbench
