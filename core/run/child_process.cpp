// SPDX-License-Identifier: Apache-2.0
#include "run/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "measure/clock.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"
#include "support/shortage.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kTailBytes = 2048;
constexpr std::size_t kTailLines = 20;
constexpr int kWorkerSocket = 3;
constexpr const char* kStarting = "start a worker";

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// Runs between fork and exec: uses only functions that are safe there in a program with threads. `socket` and `output`
// are above 3.
[[noreturn]] void become(char* const* argv, int socket, int output, pid_t parent) {
  setpgid(0, 0);  // Ctrl-C at the terminal goes only to the host
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent ended before the line above
  adopt_orphans();                      // while the child lives; after that the host adopts them
  restore_file_limit();
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGQUIT, SIGHUP, SIGXFSZ}) signal(number, SIG_DFL);
  const int null = ::open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);  // so that a backend's output does not get into the results
  dup2(output, STDERR_FILENO);
  dup2(socket, kWorkerSocket);
  syscall(SYS_close_range, kWorkerSocket + 1, ~0U, 0);
  execv(argv[0], argv);
  if (write(STDERR_FILENO, kNotStarted.data(), kNotStarted.size()) < 0) _exit(126);
  _exit(kExitNotStarted);
}

// Moves a descriptor above the numbers that become() assigns.
int moved_up(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
  const int error_number = errno;
  ::close(fd);
  errno = error_number;
  return moved;
}

void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

ChildEnd end_from(int status) {
  if (WIFSIGNALED(status)) return {WTERMSIG(status), 0, false};
  return {0, WEXITSTATUS(status), false};
}

}  // namespace

void require_files_for_workers(std::size_t n) {
  constexpr std::size_t kOfEach = 3;     // socket, pipe, process
  constexpr std::size_t kToStart = 4;    // both ends of two pairs, temporarily
  constexpr std::size_t kOfTheRun = 12;  // run.json, trials.jsonl, /proc, a folder for fsync, ...
  require_descriptors(n * kOfEach + kToStart + kOfTheRun,
                      fmt::format("running {} at once needs", counted(n, "worker")));
}

std::string to_string(const ChildEnd& end) {
  if (end.signal == 0) return fmt::format("exited with code {}", end.exit_code);
  const char* name = sigdescr_np(end.signal);
  return fmt::format("was killed by signal {} ({})", end.signal, name == nullptr ? "unknown" : name);
}

void TextTail::append(std::string_view bytes) {
  bytes_.append(bytes);
  // Keeps twice as much as needed, so that copying is rare.
  if (bytes_.size() > 4 * kTailBytes) bytes_.erase(0, bytes_.size() - 2 * kTailBytes);
}

std::string TextTail::text() const {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < bytes_.size();) {
    const std::size_t end = std::min(bytes_.find('\n', begin), bytes_.size());
    std::string line = one_line(std::string_view(bytes_).substr(begin, end - begin), 400);
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  if (lines.size() > kTailLines) lines.erase(lines.begin(), lines.end() - kTailLines);
  std::string text = fmt::format("{}", fmt::join(lines, "\n"));
  while (text.size() > kTailBytes) {
    const std::size_t end = text.find('\n');
    text.erase(0, end == std::string::npos ? text.size() - kTailBytes : end + 1);
  }
  return text;
}

ChildProcess::ChildProcess(const std::vector<std::string>& command) {
  int child_socket = -1;
  int child_output = -1;
  open_streams(child_socket, child_output);
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(argv.data(), child_socket, child_output, parent);
  const int error_number = errno;
  close_fd(child_socket);
  close_fd(child_output);
  if (pid_ < 0) {
    close_all();
    throw shortage(kStarting, error_number);
  }
  own_ = OwnChild(pid_);
  setpgid(pid_, pid_);  // in the parent too, so that kill_group never runs before it
  set_nonblocking(socket_);
  set_nonblocking(output_);
  pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));  // close-on-exec
  if (pid_fd_ < 0 && errno != ENOSYS && errno != EPERM) {        // without this call, the process is polled
    const int problem = errno;
    kill();
    close_all();
    throw shortage(kStarting, problem);
  }
}

// The child's ends are above the numbers that become() assigns.
void ChildProcess::open_streams(int& child_socket, int& child_output) {
  std::array<int, 2> sockets{-1, -1};
  std::array<int, 2> pipes{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0) {
    socket_ = sockets[0];
    child_socket = moved_up(sockets[1]);
    if (child_socket >= 0 && pipe2(pipes.data(), O_CLOEXEC) == 0) {
      output_ = pipes[0];
      child_output = moved_up(pipes[1]);
      if (child_output >= 0) return;
    }
  }
  const int error_number = errno;
  close_fd(child_socket);
  close_all();
  throw shortage(kStarting, error_number);
}

ChildProcess::~ChildProcess() {
  kill();
  close_all();
}

void ChildProcess::close_all() {
  close_fd(socket_);
  close_fd(output_);
  close_fd(pid_fd_);
}

bool ChildProcess::drain_output() {
  std::array<char, 16384> bytes{};
  while (output_ >= 0) {
    const ssize_t n = read(output_, bytes.data(), bytes.size());
    if (n > 0) {
      tail_.append({bytes.data(), static_cast<std::size_t>(n)});
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return true;
    } else {
      close_fd(output_);
    }
  }
  return false;
}

std::optional<std::uint64_t> ChildProcess::resident_bytes() const {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;  // file pages, and shared memory, which is therefore left out
  if (!(statm >> size >> resident >> shared)) return std::nullopt;
  return (resident - std::min(shared, resident)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::optional<ChildEnd> ChildProcess::poll_end() {
  if (end_) return end_;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_)
    return end_;
  left_behind_ += kill_orphans();  // the child's processes have been adopted by this process
  kill_group();                    // before the process id can be reused
  reap();
  return end_;
}

void ChildProcess::reap() {
  int status = 0;
  rusage usage{};
  while (wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  end_ = end_from(status);
  own_ = OwnChild();
  peak_resident_bytes_ = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

void ChildProcess::kill_group() const {
  ::kill(-pid_, SIGKILL);
}

ChildEnd ChildProcess::kill() {
  if (!end_) {
    kill_group();
    ::kill(pid_, SIGKILL);
    reap();
    end_->by_host = end_->signal == SIGKILL;
    left_behind_ += kill_orphans(pid_);
  }
  drain_output();
  return *end_;
}

// The kernel keeps a child's stop and continue events until the parent asks for them.
int ChildProcess::take_stop() {
  int stopped_by = 0;
  siginfo_t info{};
  while (!end_ && waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
         info.si_pid == pid_) {
    stopped_by = info.si_code == CLD_STOPPED ? info.si_status : SIGSTOP;
    info = {};
  }
  return stopped_by;
}

ChildEnd ChildProcess::stop(double patience_s) {
  close_fd(socket_);
  const std::uint64_t deadline = now_ns() + static_cast<std::uint64_t>(patience_s * 1e9);
  while (!poll_end() && now_ns() < deadline) {
    drain_output();  // the child may be blocked while printing
    pollfd wait{pid_fd_, POLLIN, 0};
    ::poll(&wait, 1, 20);
  }
  return kill();
}

}  // namespace inferbench
