// SPDX-License-Identifier: Apache-2.0
#include "conformance/process_state.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/error.hpp"

namespace inferbench::conformance {
namespace {

constexpr unsigned long kExiting = 0x4;  // PF_EXITING in the kernel's include/linux/sched.h

int n_entries(const char* folder) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// False for a thread that is exiting. A joined thread stays listed until the kernel removes it, on a busy machine
// milliseconds later, but its flags show at once that it is exiting. `folder`: /proc/self/task/TID.
bool is_running(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stat");
  std::string stat;
  std::getline(file, stat);
  // proc(5): pid (name) state ppid pgrp session tty tpgid flags ... The name may contain any character.
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return false;  // already gone
  std::istringstream fields(stat.substr(end_of_name + 1));
  std::string skipped;
  for (int i = 0; i < 6; ++i) fields >> skipped;
  unsigned long flags = 0;
  return fields >> flags && (flags & kExiting) == 0;
}

}  // namespace

int n_threads_now() {
  int n = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (is_running(thread.path())) ++n;
  }
  return n;
}

int n_descriptors_now() {
  return n_entries("/proc/self/fd");
}

std::uint64_t anonymous_bytes_now() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  throw Error("/proc/self/status has no RssAnon");
}

cpu_set_t affinity_now() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  return set;
}

StdoutCapture::StdoutCapture() {
  std::fflush(stdout);
  char name[] = "/tmp/inferbench_stdout_XXXXXX";
  file_ = mkstemp(name);
  if (file_ < 0) throw Error("no temporary file");
  unlink(name);
  original_ = dup(STDOUT_FILENO);
  dup2(file_, STDOUT_FILENO);
}

std::string StdoutCapture::stop() {
  if (original_ < 0) return {};
  std::fflush(stdout);
  dup2(original_, STDOUT_FILENO);
  close(original_);
  original_ = -1;
  std::string text;
  lseek(file_, 0, SEEK_SET);
  char buffer[4096];
  for (ssize_t n = 0; (n = read(file_, buffer, sizeof(buffer))) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  close(file_);
  return text;
}

StdoutCapture::~StdoutCapture() {
  stop();
}

}  // namespace inferbench::conformance
