// SPDX-License-Identifier: Apache-2.0
#include "e2e/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace inferbench {
namespace {

namespace fs = std::filesystem;

/// Standard streams as files: no pipe can fill up.
class StreamFolder {
 public:
  StreamFolder() {
    std::string name = (fs::temp_directory_path() / "inferbench-e2e-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~StreamFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  StreamFolder(const StreamFolder&) = delete;
  StreamFolder& operator=(const StreamFolder&) = delete;

  std::string file(const char* name) const { return (path_ / name).string(); }
  std::string read(const char* name) const {
    std::ifstream stream(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

 private:
  fs::path path_;
};

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& input) {
  const StreamFolder folder;
  std::ofstream(folder.file("in"), std::ios::binary) << input;

  std::vector<std::string> texts = {INFERBENCH_PROGRAM};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(texts.size() + 1);
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  constexpr int kCreate = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, folder.file("in").c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, folder.file("out").c_str(), kCreate, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, folder.file("err").c_str(), kCreate, 0600);
  pid_t child = 0;
  const int failed = posix_spawn(&child, INFERBENCH_PROGRAM, &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot start " INFERBENCH_PROGRAM);
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, folder.read("out"), folder.read("err")};
}

}  // namespace inferbench
