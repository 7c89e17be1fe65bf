// SPDX-License-Identifier: Apache-2.0
#include "plugin/forked_child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>

#include "support/shortage.hpp"

namespace inferbench {

namespace {

constexpr int kChildSocket = 3;

// Moves a descriptor above the numbers that the child is about to assign.
int moved_above(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, kChildSocket + 3);
  return moved < 0 ? fd : moved;
}

[[noreturn]] void become_child(const std::function<void(int)>& body, int socket, int output, int errors, pid_t parent) {
  setpgid(0, 0);  // a backend that kills its group kills only itself; Ctrl-C at the terminal goes to the parent
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent ended before the line above
  adopt_orphans();                      // while the child lives; after that the parent adopts them
  restore_file_limit();
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int null = moved_above(open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::array wanted{moved_above(null), moved_above(output < 0 ? null : output),
                          moved_above(errors < 0 ? null : errors), moved_above(socket)};
  for (int fd = 0; fd <= kChildSocket; ++fd) dup2(wanted[static_cast<std::size_t>(fd)], fd);
  fcntl(kChildSocket, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, kChildSocket + 1, ~0U, 0);
  // Resets the parent's signal handlers (an interrupt guard, a sanitizer's), which must not run in this child.
  for (const int number :
       {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ}) {
    signal(number, SIG_DFL);
  }
  signal(SIGTTOU, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  body(kChildSocket);
  _exit(0);
}

}  // namespace

void OwnedFd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

ForkedChild::ForkedChild(const std::function<void(int)>& body, int output, int errors) {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  socket_ = OwnedFd(ends[0]);
  const OwnedFd theirs(ends[1]);
  std::fflush(nullptr);  // buffered output must not be written twice if the child calls exit()
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) become_child(body, theirs.get(), output, errors, parent);
  own_ = OwnChild(pid_);
  setpgid(pid_, pid_);  // in the parent too, so that the group exists before it can be killed
}

ForkedChild::ForkedChild(ForkedChild&& other) noexcept
    : socket_(std::move(other.socket_)),
      own_(std::move(other.own_)),
      pid_(std::exchange(other.pid_, -1)),
      status_(other.status_) {}

ForkedChild::~ForkedChild() {
  kill();
}

int ForkedChild::kill() {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
  return wait();
}

std::optional<int> ForkedChild::wait_until(std::chrono::steady_clock::time_point deadline) {
  const auto has_ended = [this] {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid_;
  };
  while (pid_ > 0 && !has_ended()) {
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return wait();
}

int ForkedChild::wait() {
  if (pid_ < 0) return status_;
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  kill_orphans();          // the child's processes have been adopted by this process
  ::kill(-pid_, SIGKILL);  // before the process id can be reused
  while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  own_ = OwnChild();
  return status_;
}

std::string end_text(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  const char* name = sigdescr_np(WTERMSIG(status));
  return fmt::format("signal {} ({})", WTERMSIG(status), name == nullptr ? "unknown" : name);
}

bool send_all(int socket, const void* bytes, std::size_t size) {
  const auto* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t sent = send(socket, next, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    next += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace inferbench
