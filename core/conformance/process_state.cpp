// SPDX-License-Identifier: Apache-2.0
#include "conformance/process_state.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/error.hpp"

namespace inferbench::conformance {
namespace {

int n_entries(const char* folder) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

int n_threads_now() {
  return n_entries("/proc/self/task");
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
