// SPDX-License-Identifier: Apache-2.0
#include "support/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/files.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

fs::path new_folder() {
  std::string name = (fs::temp_directory_path() / "inferbench-program-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return name;
}

/// Runs in the child after fork, so it must not allocate.
void redirect(const char* path, int flags, int fd) {
  const int file = ::open(path, flags);
  if (file < 0 || dup2(file, fd) < 0) _exit(126);
  close(file);
}

std::vector<std::string> inferbench_with(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{test_paths::kProgram};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments, const fs::path& folder, const std::string& input)
    : streams_(new_folder()) {
  std::ofstream(streams_ / "in", std::ios::binary) << input;
  const std::string in = streams_ / "in";
  const std::string out = streams_ / "out";
  const std::string err = streams_ / "err";
  // Created here, not in the child, which may be killed before it gets that far.
  for (const std::string& stream : {out, err}) std::ofstream(stream, std::ios::binary).flush();
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    constexpr int kWrite = O_WRONLY | O_TRUNC;
    redirect(in.c_str(), O_RDONLY, STDIN_FILENO);
    redirect(out.c_str(), kWrite, STDOUT_FILENO);
    redirect(err.c_str(), kWrite, STDERR_FILENO);
    if (!folder.empty() && chdir(folder.c_str()) != 0) _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
}

Program::~Program() {
  if (pid_ >= 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(streams_, ignored);
}

void Program::signal(int number) const {
  kill(pid_, number);
}

ProgramResult Program::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), read_file(streams_ / "out"),
          read_file(streams_ / "err")};
}

ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& input) {
  return Program(inferbench_with(arguments), {}, input).wait();
}

ProgramResult run_program_in(const fs::path& folder, const std::vector<std::string>& arguments) {
  return Program(inferbench_with(arguments), folder).wait();
}

}  // namespace inferbench
