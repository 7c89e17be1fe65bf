// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// The result of one run of a program.
struct ProgramResult {
  int exit_code = -1;  ///< 128 + signal if a signal ended it
  std::string out;
  std::string err;
};

/// A child process. Its standard streams are files, so that no pipe can fill up.
class Program {
 public:
  /// Starts `arguments` (the first is a path) in `folder` (empty: here) with `input` on standard input.
  explicit Program(const std::vector<std::string>& arguments, const std::filesystem::path& folder = {},
                   const std::string& input = "");
  /// Kills the program if it is still running.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const;
  ProgramResult wait();
  pid_t pid() const { return pid_; }

 private:
  std::filesystem::path streams_;
  pid_t pid_ = -1;
};

/// Runs `inferbench ARGUMENTS...` with `input` on standard input and waits for its end.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& input = "");

/// Runs `inferbench ARGUMENTS...` in `folder` and waits for its end.
ProgramResult run_program_in(const std::filesystem::path& folder, const std::vector<std::string>& arguments);

}  // namespace inferbench
