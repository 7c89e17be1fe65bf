// SPDX-License-Identifier: Apache-2.0
#include "plugin/backend_child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "plugin/backend.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/shortage.hpp"

namespace inferbench {

namespace {

using Clock = std::chrono::steady_clock;

// A message: its kind, the length of its text in 8 bytes of native byte order, the text.
constexpr char kRequest = 'r';
constexpr char kAnswer = 'a';
constexpr char kHostError = 'e';     // exit code, what, a zero byte, hint
constexpr char kBackendError = 'b';  // status, what
constexpr char kOutOfMemory = 'm';
constexpr char kFinished = 'f';
constexpr char kNoise = 'x';  // never sent
constexpr std::size_t kMessageHead = 1 + sizeof(std::uint64_t);
constexpr std::string_view kKinds = "raebmf";
constexpr std::uint64_t kLargestMessage = std::uint64_t{1} << 34U;  // logits of 256 tokens are about 200 MB
constexpr std::size_t kPrintedBytes = 4096;
constexpr std::string_view kDefectHint = "this is a defect of the backend; tell its author";

struct ChildMessage {
  char kind = 0;
  std::string text;
};

bool send_message(int socket, char kind, std::string_view text) {
  std::array<char, kMessageHead> head{kind};
  const std::uint64_t size = text.size();
  std::memcpy(head.data() + 1, &size, sizeof(size));
  return send_all(socket, head.data(), head.size()) && send_all(socket, text.data(), text.size());
}

// Takes a complete message from the start of `bytes`; nullopt if it is not complete yet, kNoise if it is invalid.
std::optional<ChildMessage> take_message(std::string& bytes) {
  if (!bytes.empty() && kKinds.find(bytes[0]) == std::string_view::npos) return ChildMessage{kNoise, {}};
  if (bytes.size() < kMessageHead) return std::nullopt;
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data() + 1, sizeof(size));
  if (size > kLargestMessage) return ChildMessage{kNoise, {}};
  if (bytes.size() - kMessageHead < size) {
    bytes.reserve(kMessageHead + size);
    return std::nullopt;
  }
  ChildMessage message{bytes[0], bytes.substr(kMessageHead, size)};
  bytes.erase(0, kMessageHead + size);
  return message;
}

template <typename Code>
std::string with_code(Code code, std::string text) {
  const auto number = static_cast<std::int32_t>(code);
  return std::string(reinterpret_cast<const char*>(&number), sizeof(number)) + std::move(text);
}

// ---- the child ----

// Sends the result or the exception of `work`; returns false if the parent is gone.
bool answer_with(int socket, const std::function<std::string()>& work) {
  try {
    return send_message(socket, kAnswer, work());
  } catch (const BackendError& error) {
    return send_message(socket, kBackendError, with_code(error.status(), error.what()));
  } catch (const Error& error) {
    return send_message(socket, kHostError, with_code(error.exit_code(), error.what() + ('\0' + error.cure())));
  } catch (const std::bad_alloc&) {
    return send_message(socket, kOutOfMemory, {});
  } catch (const std::exception& error) {
    return send_message(socket, kHostError, with_code(ExitCode::kBadInput, error.what() + std::string(1, '\0')));
  }
}

void serve_requests(int socket, const std::function<BackendChild::Serve()>& make_serve) {
  BackendChild::Serve serve;
  std::string bytes;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t n = recv(socket, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
    while (const auto request = take_message(bytes)) {
      const auto work = [&] {
        if (!serve) serve = make_serve();
        std::string answer = serve(request->text);
        std::fflush(stdout);  // so that the backend's output comes before the answer
        return answer;
      };
      if (!answer_with(socket, work)) _exit(kSocketLost);
    }
  }
  serve = nullptr;
  std::fflush(nullptr);
  send_message(socket, kFinished, {});
}

// ---- the parent ----

// Throws the error that the child sent; returns if the message is not one that the child sends.
void throw_received(const ChildMessage& message) {
  if (message.kind == kOutOfMemory) throw std::bad_alloc();
  std::int32_t code = 0;
  if (message.text.size() < sizeof(code)) return;
  std::memcpy(&code, message.text.data(), sizeof(code));
  const std::string text = message.text.substr(sizeof(code));
  const std::size_t zero = std::min(text.find('\0'), text.size());
  if (message.kind == kBackendError) throw BackendError(code, text);
  if (message.kind == kHostError) {
    throw Error(text.substr(0, zero), text.substr(std::min(zero + 1, text.size())), static_cast<ExitCode>(code));
  }
}

}  // namespace

BackendChild::BackendChild(std::function<Serve()> make_serve, std::string subject) : subject_(std::move(subject)) {
  std::array<int, 2> ends{-1, -1};
  try {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    output_ = OwnedFd(ends[0]);
    const OwnedFd theirs(ends[1]);
    fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    child_.emplace([&](int socket) { serve_requests(socket, make_serve); }, theirs.get(), theirs.get());
  } catch (const std::system_error& error) {
    throw shortage(fmt::format("start a process for {}", subject_), error.code().value());
  }
}

BackendChild::~BackendChild() = default;

// Returns false at the end of the output.
bool BackendChild::pass_on_output() {
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t n = read(output_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return true;
    if (n == 0) return false;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    printed_.append(bytes);
    if (printed_.size() > kPrintedBytes) printed_.erase(0, printed_.size() - kPrintedBytes);
    if (std::fwrite(bytes.data(), 1, bytes.size(), stderr) != bytes.size()) std::clearerr(stderr);  // unreportable
  }
}

void BackendChild::explain_end(std::string_view doing) {
  const auto status = child_->wait_until(Clock::now() + std::chrono::seconds(1));
  const int how = status ? *status : child_->kill();
  const bool closed_socket = !status || (WIFEXITED(how) && WEXITSTATUS(how) == kSocketLost);
  pass_on_output();
  child_.reset();
  std::string_view said = printed_;
  while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.remove_suffix(1);
  said.remove_prefix(std::min(said.find_last_of("\r\n") + 1, said.size()));
  const std::string last = said.empty() ? "" : ": " + one_line(said, 200);
  if (closed_socket) {
    throw Error(fmt::format("{} closed descriptors that are not its own during {}{}", subject_, doing, last),
                std::string(kDefectHint));
  }
  const char* verb = WIFSIGNALED(how) ? "crashed:" : "ended its process with";
  const bool killed = WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
  throw Error(fmt::format("{} {} {} during {}{}", subject_, verb, end_text(how), doing, last),
              killed ? "the system may have run out of memory: use a smaller model, batch or context"
                     : std::string(kDefectHint));
}

std::string BackendChild::receive(std::string_view doing) {
  std::vector<char> buffer(1 << 16);
  bool prints = true;
  for (;;) {
    std::array<pollfd, 2> waiting{pollfd{child_->socket(), POLLIN, 0}, pollfd{prints ? output_.get() : -1, POLLIN, 0}};
    poll(waiting.data(), waiting.size(), -1);
    if (waiting[1].revents != 0) prints = pass_on_output();
    if (waiting[0].revents == 0) continue;
    const ssize_t n = recv(child_->socket(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) explain_end(doing);
    received_.append(buffer.data(), static_cast<std::size_t>(n));
    auto message = take_message(received_);
    if (!message) continue;
    pass_on_output();  // the output came before the answer
    if (message->kind == kAnswer) return std::move(message->text);
    throw_received(*message);
    child_.reset();
    throw Error(fmt::format("{} wrote to a descriptor that is not its own during {}", subject_, doing),
                std::string(kDefectHint));
  }
}

std::string BackendChild::call(std::string_view request, std::string_view doing) {
  if (!child_) throw Error(subject_ + " has ended", "start again");
  printed_.clear();
  if (!send_message(child_->socket(), kRequest, request)) explain_end(doing);
  return receive(doing);
}

std::string BackendChild::finish(std::chrono::milliseconds patience) {
  if (!child_) return {};
  printed_.clear();
  shutdown(child_->socket(), SHUT_WR);
  const auto deadline = Clock::now() + patience;
  try {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) break;
      std::array<pollfd, 2> waiting{pollfd{child_->socket(), POLLIN, 0}, pollfd{output_.get(), POLLIN, 0}};
      poll(waiting.data(), waiting.size(), static_cast<int>(left));
      if (waiting[1].revents != 0 && !pass_on_output()) output_.reset();
      if (waiting[0].revents == 0) continue;
      std::array<char, 256> buffer{};
      const ssize_t n = recv(child_->socket(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) explain_end("shutdown");
      child_.reset();  // nothing more will come
      return {};
    }
  } catch (const Error& error) {
    return error.what();
  }
  child_.reset();
  return fmt::format("{} did not shut down within {} s", subject_, std::chrono::duration<double>(patience).count());
}

std::string answer_of_child(std::function<std::string()> work, const std::string& subject, std::string_view doing) {
  BackendChild child([work = std::move(work)] { return [work](std::string_view) { return work(); }; }, subject);
  return child.call({}, doing);
}

}  // namespace inferbench
