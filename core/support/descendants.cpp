// SPDX-License-Identifier: Apache-2.0
#include "support/descendants.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace inferbench {

namespace {

namespace fs = std::filesystem;

// A killed process may take a while to free its memory.
constexpr std::chrono::seconds kPatience(5);

struct OwnChildren {
  std::mutex mutex;
  std::set<pid_t> pids;
  int orphans = 0;
};

OwnChildren& own_children() {
  static OwnChildren children;
  return children;
}

bool is_own(pid_t pid) {
  OwnChildren& own = own_children();
  const std::lock_guard lock(own.mutex);
  return own.pids.contains(pid);
}

// "123 (name) S 45 ...": the name may contain anything, so parsing starts after the last ")". 0 if the process has
// ended.
pid_t parent_of(const fs::path& process) {
  std::ifstream file(process / "stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= line.size() || line[name_end + 2] == 'Z') return 0;
  return static_cast<pid_t>(std::strtol(line.c_str() + name_end + 4, nullptr, 10));
}

// For kernels without /proc/PID/task/TID/children.
std::vector<pid_t> children_by_parent(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator("/proc", problem)) {
    const std::string name = entry.path().filename().string();
    if (name.empty() || name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (parent_of(entry.path()) == pid) children.push_back(static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10)));
  }
  return children;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code problem;
  for (const auto& thread : fs::directory_iterator(fmt::format("/proc/{}/task", pid), problem)) {
    std::ifstream file(thread.path() / "children");
    if (!file) {
      std::error_code ignored;
      if (fs::exists(thread.path() / "stat", ignored)) return children_by_parent(pid);
      continue;  // the thread has just ended
    }
    for (pid_t child = 0; file >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace

void adopt_orphans() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

OwnChild::OwnChild(pid_t pid) : pid_(pid) {
  OwnChildren& own = own_children();
  const std::lock_guard lock(own.mutex);
  own.pids.insert(pid_);
}

OwnChild::~OwnChild() {
  if (pid_ < 0) return;
  OwnChildren& own = own_children();
  const std::lock_guard lock(own.mutex);
  own.pids.erase(pid_);
}

OwnChild::OwnChild(OwnChild&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

OwnChild& OwnChild::operator=(OwnChild&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

int kill_orphans(pid_t killed_group) {
  int adopts = 0;
  if (prctl(PR_GET_CHILD_SUBREAPER, &adopts) != 0 || adopts == 0) return 0;
  std::set<pid_t> counted;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    std::vector<pid_t> orphans = children_of(getpid());
    std::erase_if(orphans, is_own);
    if (orphans.empty() || std::chrono::steady_clock::now() > end) break;
    bool waits = false;
    for (const pid_t orphan : orphans) {
      if (waitpid(orphan, nullptr, WNOHANG) == orphan) continue;  // it had ended, or was killed below
      const bool counts = killed_group == 0 || getpgid(orphan) != killed_group;
      if (::kill(orphan, SIGKILL) == 0 && counts) counted.insert(orphan);
      waits = true;
    }
    if (waits) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  OwnChildren& own = own_children();
  const std::lock_guard lock(own.mutex);
  own.orphans += static_cast<int>(counted.size());
  return static_cast<int>(counted.size());
}

int orphans_killed() {
  OwnChildren& own = own_children();
  const std::lock_guard lock(own.mutex);
  return own.orphans;
}

}  // namespace inferbench
