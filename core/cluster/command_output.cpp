// SPDX-License-Identifier: Apache-2.0
#include "cluster/command_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "support/shortage.hpp"

namespace inferbench {

namespace {

// The reading end of a pipe, and the writing end that the child gets.
class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw shortage("open a pipe", errno);
    read_ = ends[0];
    write_ = ends[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(read_);
    close_end(write_);
  }

  int read_end() const { return read_; }
  int write_end() const { return write_; }
  void close_write_end() { close_end(write_); }

  // Appends what is there. Returns false at the end.
  bool drain(std::string& to) const {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::read(read_, buffer.data(), buffer.size());
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    to.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

 private:
  static void close_end(int& end) {
    if (end >= 0) close(std::exchange(end, -1));
  }

  int read_ = -1;
  int write_ = -1;
};

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }

  void redirect(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void empty_input() { posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

void read_both(const Pipe& out, const Pipe& err, CommandOutput& result) {
  bool out_open = true;
  bool err_open = true;
  while (out_open || err_open) {
    std::array<pollfd, 2> waiting{pollfd{out_open ? out.read_end() : -1, POLLIN, 0},
                                  pollfd{err_open ? err.read_end() : -1, POLLIN, 0}};
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[0].revents != 0) out_open = out.drain(result.out);
    if (waiting[1].revents != 0) err_open = err.drain(result.err);
  }
}

}  // namespace

std::optional<CommandOutput> run_command(const std::vector<std::string>& words) {
  Pipe out;
  Pipe err;
  SpawnActions actions;
  actions.empty_input();
  actions.redirect(out.write_end(), STDOUT_FILENO);
  actions.redirect(err.write_end(), STDERR_FILENO);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = -1;
  const int problem = posix_spawnp(&child, arguments[0], actions.get(), nullptr, arguments.data(), environ);
  if (problem == ENOENT || problem == EACCES) return std::nullopt;
  if (problem != 0) throw shortage("start " + words.front(), problem);
  out.close_write_end();
  err.close_write_end();
  CommandOutput result;
  read_both(out, err, result);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace inferbench
