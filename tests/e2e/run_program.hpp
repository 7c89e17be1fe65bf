// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench::test {

struct ProgramResult {
  int exit_code = -1;  ///< 128 + signal where one ended it
  std::string out;
  std::string err;
};

/// A child process whose output goes to files.
class Program {
 public:
  /// Starts `arguments` (the first is a path) in `folder`.
  Program(const std::vector<std::string>& arguments, const std::filesystem::path& folder);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const;
  ProgramResult wait();
  pid_t pid() const { return pid_; }

 private:
  std::filesystem::path out_;
  std::filesystem::path err_;
  pid_t pid_ = -1;
};

/// Runs inferbench with `arguments` to its end.
ProgramResult run_inferbench(const std::vector<std::string>& arguments, const std::filesystem::path& folder);

}  // namespace inferbench::test
