// SPDX-License-Identifier: Apache-2.0
#include "plugin/probe.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>
#include <system_error>

#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/shortage.hpp"

namespace inferbench {
namespace {

constexpr std::string_view kCure =
    "a backend must do its work in init(), not in static constructors; tell its author, or remove the file";
constexpr std::string_view kLoading = "loading it";
constexpr rlim_t kStderrLimit = 1 << 20;
constexpr std::uint64_t kLargestReport = 64 << 20;

// The child sends one of these, the length of the text in 8 bytes of native byte order, and the text.
constexpr char kGood = 'g';   // the answer
constexpr char kError = 'e';  // message, a zero byte, hint
constexpr char kThrew = 't';  // the exception's message
constexpr std::size_t kHeaderBytes = 1 + sizeof(std::uint64_t);

// ---- the child ----

int report_socket = -1;  // set only in the child; its terminate handler has no other way to get it

void send_report(char kind, std::string_view text) {
  std::string message(kHeaderBytes, kind);
  const std::uint64_t size = text.size();
  std::memcpy(message.data() + 1, &size, sizeof(size));
  message += text;
  if (!send_all(report_socket, message.data(), message.size())) _exit(kSocketLost);
}

std::string thrown_text() {
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
    send_report(kThrew, thrown_text());
    _exit(0);
  }
  abort();
}

void work_in_child(const std::function<std::string()>& work, int socket) {
  report_socket = socket;
  prctl(PR_SET_DUMPABLE, 0);  // a core_pattern that is a pipe ignores RLIMIT_CORE
  // Only the soft limit: a backend may raise it for a file in memory.
  rlimit flood{};
  getrlimit(RLIMIT_FSIZE, &flood);
  flood.rlim_cur = std::min<rlim_t>(kStderrLimit, flood.rlim_max);
  setrlimit(RLIMIT_FSIZE, &flood);
  signal(SIGXFSZ, SIG_IGN);
  std::set_terminate(on_terminate);
  try {
    send_report(kGood, work());
  } catch (const Error& error) {
    std::string text = error.what();
    text += '\0';
    text += error.cure();
    send_report(kError, text);
  } catch (...) {
    send_report(kThrew, thrown_text());
  }
}

// ---- the parent ----

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

[[noreturn]] void judge_report(char kind, const std::string& text, const ProbeText& about) {
  if (kind == kThrew) {
    const std::string what = about.doing == kLoading ? "a static constructor" : about.doing;
    throw Error(fmt::format("{}: {} throws: {}", about.subject, what, one_line(text, 300)), std::string(kCure));
  }
  const auto zero = text.find('\0');
  if (kind == kError && zero != std::string::npos) throw Error(text.substr(0, zero), text.substr(zero + 1));
  throw Error(fmt::format("{}: {} writes to a descriptor that is not its own", about.subject, about.doing),
              std::string(kCure));
}

[[noreturn]] void judge_end(int status, int errors, const ProbeText& about) {
  std::string fault = fmt::format("{} ends the process with {}", about.doing, end_text(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSocketLost) {
    fault = fmt::format("{} closes descriptors that are not its own", about.doing);
  }
  if (const std::string said = last_line(errors); !said.empty()) fault += ": " + said;
  throw Error(fmt::format("{}: {}", about.subject, fault), std::string(kCure));
}

template <typename Start>
auto start_or_explain(const std::string& subject, Start start) {
  try {
    return start();
  } catch (const std::system_error& error) {
    throw shortage(fmt::format("start a process to inspect {}", subject), error.code().value());
  }
}

// A file instead of a pipe: a library that floods stderr while loading must not block.
OwnedFd make_stderr_file() {
  OwnedFd file(memfd_create("probe-stderr", MFD_CLOEXEC));
  if (file.get() < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
  return file;
}

}  // namespace

Probe::Probe(const std::function<std::string()>& work, ProbeText text, std::chrono::milliseconds time_limit)
    : text_(std::move(text)),
      time_limit_(time_limit),
      errors_(start_or_explain(text_.subject, make_stderr_file)),
      child_(start_or_explain(
          text_.subject,
          [&] { return ForkedChild([&](int socket) { work_in_child(work, socket); }, -1, errors_.get()); })),
      deadline_(Clock::now() + time_limit) {}

bool Probe::is_whole() const {
  if (report_.size() < kHeaderBytes) return false;
  std::uint64_t size = 0;
  std::memcpy(&size, report_.data() + 1, sizeof(size));
  return size > kLargestReport || report_.size() - kHeaderBytes >= size;
}

bool Probe::take() {
  std::array<char, 65536> buffer{};
  while (!ended_) {
    const ssize_t n = recv(child_.socket(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n > 0) report_.append(buffer.data(), static_cast<std::size_t>(n));
    // A process that the library left behind may keep the socket open, so a complete report counts as the end.
    ended_ = n <= 0 || is_whole();
  }
  return ended_ || Clock::now() >= deadline_;
}

std::string Probe::wait() {
  while (!take()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    pollfd waiting{child_.socket(), POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
  }
  if (is_whole()) {
    child_.kill();
    if (report_[0] == kGood) return report_.substr(kHeaderBytes);
    judge_report(report_[0], report_.substr(kHeaderBytes), text_);
  }
  // A child that closed its socket may still be running.
  const auto status = ended_ ? child_.wait_until(deadline_) : std::nullopt;
  if (!status) {
    child_.kill();
    const double seconds = std::chrono::duration<double>(time_limit_).count();
    throw Error(fmt::format("{}: {} takes longer than {} s", text_.subject, text_.doing, seconds), std::string(kCure));
  }
  judge_end(*status, errors_.get(), text_);
}

void probe_in_child(const std::function<void()>& work, const std::string& subject, std::chrono::milliseconds time_limit,
                    const std::string& doing) {
  const auto answer = [&work] {
    work();
    return std::string();
  };
  Probe(answer, {subject, doing}, time_limit).wait();
}

}  // namespace inferbench
