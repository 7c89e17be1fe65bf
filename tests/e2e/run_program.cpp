// SPDX-License-Identifier: Apache-2.0
#include "e2e/run_program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace inferbench::test {

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void redirect(const std::filesystem::path& path, int fd) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || dup2(file, fd) < 0) _exit(126);
  close(file);
}

std::string unique_name() {
  static std::atomic<int> next = 0;
  return "output-" + std::to_string(next++);
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments, const std::filesystem::path& folder) {
  const std::string name = unique_name();
  out_ = folder / (name + ".out");
  err_ = folder / (name + ".err");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    if (chdir(folder.c_str()) != 0) _exit(126);
    redirect(out_, STDOUT_FILENO);
    redirect(err_, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
}

Program::~Program() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Program::signal(int number) const {
  kill(pid_, number);
}

ProgramResult Program::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), read_file(out_), read_file(err_)};
}

ProgramResult run_inferbench(const std::vector<std::string>& arguments, const std::filesystem::path& folder) {
  std::vector<std::string> all{INFERBENCH_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Program(all, folder).wait();
}

}  // namespace inferbench::test
