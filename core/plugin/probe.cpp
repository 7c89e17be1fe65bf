// SPDX-License-Identifier: Apache-2.0
#include "plugin/probe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kCure =
    "a backend starts its work in init() and needs no static constructors; tell its author, or take the file away";
constexpr std::string_view kLoading = "loading it";
constexpr rlim_t kStderrLimit = 1 << 20;

// What the child writes to its pipe: one of these, then (for the last two) text.
constexpr char kGood = 'g';
constexpr char kError = 'e';  // what, a zero byte, cure
constexpr char kThrew = 't';  // what the exception said

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// ---- the child ----

int report_fd = -1;  // set only in the child, which has no other way to hand it to its terminate handler

void send_report(char kind, std::string_view text) {
  std::string message(1, kind);
  message += text;
  std::string_view rest = message;
  while (!rest.empty()) {
    const ssize_t n = write(report_fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something other than a std::exception";
  }
}

[[noreturn]] void on_terminate() {
  if (std::current_exception() != nullptr) {
    send_report(kThrew, current_exception_text());
    _exit(0);
  }
  abort();
}

[[noreturn]] void run_child(const std::function<void()>& work, int report, int errors) {
  report_fd = report;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  const rlimit flood{kStderrLimit, kStderrLimit};
  setrlimit(RLIMIT_FSIZE, &flood);
  signal(SIGXFSZ, SIG_IGN);
  // The host's handlers (a sanitizer's, a debugger's) are not for this child.
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGINT, SIGHUP}) {
    signal(number, SIG_DFL);
  }
  std::set_terminate(on_terminate);
  try {
    work();
    send_report(kGood, {});
  } catch (const Error& error) {
    std::string text = error.what();
    text += '\0';
    text += error.cure();
    send_report(kError, text);
  } catch (...) {
    send_report(kThrew, current_exception_text());
  }
  _exit(0);
}

// ---- the parent ----

// Everything up to the end of the stream, or to the deadline; false in the latter case.
bool read_report(int fd, Clock::time_point deadline, std::string& text) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return false;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text[0] == kGood) return true;  // nothing follows, and a process that the library left behind may hold the pipe
  }
}

std::string last_line(int fd) {
  std::array<char, 4096> buffer{};
  const off_t size = lseek(fd, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(buffer.size()));
  const ssize_t n = pread(fd, buffer.data(), buffer.size(), from);
  std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto line_break = text.rfind('\n');
  return one_line(line_break == std::string_view::npos ? text : text.substr(line_break + 1), 200);
}

std::string describe_end(int status, int errors, const std::string& doing) {
  std::string text;
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    text = fmt::format("{} ends the process with signal {} ({})", doing, number, strsignal(number));
  } else {
    text = fmt::format("{} ends the process with exit code {}", doing, WEXITSTATUS(status));
  }
  if (const std::string said = last_line(errors); !said.empty()) text += ": " + said;
  return text;
}

[[noreturn]] void judge(const std::string& report, int status, int errors, const std::string& subject,
                        const std::string& doing) {
  const std::string text = report.empty() ? "" : report.substr(1);
  if (!report.empty() && report[0] == kThrew) {
    const std::string what = doing == kLoading ? "a static constructor" : doing;
    throw Error(fmt::format("{}: {} throws: {}", subject, what, one_line(text, 300)), std::string(kCure));
  }
  if (!report.empty() && report[0] == kError) {
    const auto zero = text.find('\0');
    if (zero != std::string::npos) throw Error(text.substr(0, zero), text.substr(zero + 1));
  }
  throw Error(fmt::format("{}: {}", subject, describe_end(status, errors, doing)), std::string(kCure));
}

[[noreturn]] void cannot_probe(const std::string& subject, const char* call) {
  throw Error(fmt::format("{}: cannot be tried out: {}: {}", subject, call, std::strerror(errno)),
              "free memory, processes or file descriptors, and try again");
}

}  // namespace

void probe_in_child(const std::function<void()>& work, const std::string& subject, std::chrono::milliseconds time_limit,
                    const std::string& doing) {
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) cannot_probe(subject, "pipe");
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  // A file, not a pipe: a library that floods stderr while it loads must not wait for a reader.
  const Fd errors(memfd_create("probe-stderr", MFD_CLOEXEC));
  if (errors.get() < 0) cannot_probe(subject, "memfd_create");

  std::fflush(nullptr);  // what is buffered now must not be written twice if the child calls exit()
  const pid_t child = fork();
  if (child < 0) cannot_probe(subject, "fork");
  if (child == 0) run_child(work, writing.get(), errors.get());
  writing.reset();

  std::string report;
  const bool in_time = read_report(reading.get(), Clock::now() + time_limit, report);
  // A library may leave threads behind that keep the child alive; once it has reported, it has nothing more to say.
  if (!in_time || !report.empty()) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!report.empty() && report[0] == kGood) return;
  if (!in_time) {
    throw Error(
        fmt::format("{}: {} takes longer than {} s", subject, doing, std::chrono::duration<double>(time_limit).count()),
        std::string(kCure));
  }
  judge(report, status, errors.get(), subject, doing);
}

}  // namespace inferbench
