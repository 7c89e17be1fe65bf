// SPDX-License-Identifier: Apache-2.0
#include "measure/cgroup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace inferbench {

namespace {

namespace fs = std::filesystem;

// Version 1 writes "no limit" as the largest multiple of the page size.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60U;

/// A mounted cgroup hierarchy, from /proc/self/mountinfo.
struct CgroupMount {
  std::string root;  ///< the group that is mounted at `at`
  fs::path at;       ///< without the leading '/'
  bool v2 = false;
  std::string controllers;  ///< version 1 only: ",cpu,cpuacct,"
};

std::vector<CgroupMount> read_mounts(const fs::path& root) {
  std::vector<CgroupMount> mounts;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto dash = line.find(" - ");  // after it: type, source, options
    if (dash == std::string::npos) continue;
    std::istringstream before(line);
    std::istringstream after(line.substr(dash + 3));
    std::string skipped;
    std::string seen;
    std::string at;
    std::string type;
    std::string options;
    if (!(before >> skipped >> skipped >> skipped >> seen >> at) || !(after >> type >> skipped >> options)) continue;
    if (type != "cgroup" && type != "cgroup2") continue;
    mounts.push_back({seen, fs::path(at).relative_path(), type == "cgroup2", fmt::format(",{},", options)});
  }
  return mounts;
}

// The groups from `top / below` up to `top`, the mount point of their hierarchy.
std::vector<Cgroup> groups_up_to(const fs::path& top, const fs::path& below, bool v2) {
  std::vector<Cgroup> groups;
  std::error_code ignored;
  fs::path folder = below.empty() ? top : top / below;
  if (!fs::is_directory(folder, ignored)) folder = top;  // the group is not visible in this container
  while (true) {
    groups.push_back({folder, v2});
    if (folder == top || !folder.has_relative_path() || folder == folder.parent_path()) return groups;
    folder = folder.parent_path();
  }
}

// The group's path relative to the mount point.
fs::path below_mount(const std::string& path, const std::string& mounted) {
  if (mounted == "/" || mounted.empty()) return fs::path(path).relative_path();
  if (path == mounted) return {};
  if (path.starts_with(mounted + "/")) return path.substr(mounted.size() + 1);
  return {};
}

std::vector<Cgroup> groups_of(const fs::path& root, const std::vector<CgroupMount>& mounts,
                              const std::string& controller) {
  std::vector<Cgroup> unified;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "4:memory:/path", "0::/path"
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const std::string path = line.substr(second + 1);
    const bool v2 = controllers == ",,";
    const std::string wanted = fmt::format(",{},", controller);
    if (!v2 && controllers.find(wanted) == std::string::npos) continue;
    for (const CgroupMount& mount : mounts) {
      if (mount.v2 != v2 || (!v2 && mount.controllers.find(wanted) == std::string::npos)) continue;
      std::vector<Cgroup> found = groups_up_to((root / mount.at).lexically_normal(), below_mount(path, mount.root), v2);
      if (!v2) return found;  // a controller belongs to one hierarchy: with version 1, to the one that lists it
      unified = std::move(found);
      break;
    }
  }
  return unified;
}

// The first number in a file; nullopt for "max" and if there is none.
std::optional<std::uint64_t> read_number(const fs::path& file) {
  std::ifstream stream(file);
  std::uint64_t value = 0;
  if (!(stream >> value) || value >= kNoLimit) return std::nullopt;
  return value;
}

// The value of a "key value" line.
std::optional<std::uint64_t> read_key(const fs::path& file, std::string_view key) {
  std::ifstream stream(file);
  std::string name;
  for (std::uint64_t value = 0; stream >> name >> value;) {
    if (name == key) return value;
  }
  return std::nullopt;
}

std::optional<CgroupLimit> read_limit(const fs::path& file) {
  const auto value = read_number(file);
  if (!value) return std::nullopt;
  return CgroupLimit{*value, file};
}

template <typename Limit>
std::optional<CgroupLimit> smallest(const std::vector<Cgroup>& groups, Limit limit_of) {
  std::optional<CgroupLimit> found;
  for (const Cgroup& group : groups) {
    const std::optional<CgroupLimit> limit = limit_of(group);
    if (limit && (!found || limit->value < found->value)) found = limit;
  }
  return found;
}

// Bytes that the group uses and the kernel cannot reclaim. File pages don't count, since the kernel drops them before
// it kills anything.
std::uint64_t held_bytes(const Cgroup& group) {
  const fs::path stat = group.folder / "memory.stat";
  const auto used = read_number(group.folder / (group.v2 ? "memory.current" : "memory.usage_in_bytes"));
  std::uint64_t cached = 0;
  for (const char* list : {"inactive_file", "active_file"}) {
    cached += read_key(stat, group.v2 ? list : std::string("total_") + list).value_or(0);
  }
  return used.value_or(0) - std::min(cached, used.value_or(0));
}

OomCounts::OfGroup oom_counts_of(const Cgroup& group) {
  if (!group.v2) {
    return {read_number(group.folder / "memory.failcnt").value_or(0),
            read_key(group.folder / "memory.oom_control", "oom_kill").value_or(0)};
  }
  // The local file leaves out events in the groups below.
  const fs::path local = group.folder / "memory.events.local";
  std::error_code ignored;
  const fs::path events = group.folder / "memory.events";
  return {read_key(fs::exists(local, ignored) ? local : events, "oom").value_or(0),
          read_key(events, "oom_kill").value_or(0)};
}

}  // namespace

Cgroups find_cgroups(const fs::path& root) {
  const std::vector<CgroupMount> mounts = read_mounts(root);
  return {groups_of(root, mounts, "memory"), groups_of(root, mounts, "cpu"), groups_of(root, mounts, "pids")};
}

std::optional<CgroupLimit> memory_limit(const Cgroup& group) {
  return read_limit(group.folder / (group.v2 ? "memory.max" : "memory.limit_in_bytes"));
}

std::optional<CgroupLimit> memory_high(const Cgroup& group) {
  if (!group.v2) return std::nullopt;
  return read_limit(group.folder / "memory.high");
}

std::optional<CgroupLimit> smallest_memory_limit(const Cgroups& groups) {
  return smallest(groups.memory, memory_limit);
}

std::optional<CgroupLimit> smallest_process_limit(const Cgroups& groups) {
  return smallest(groups.pids, [](const Cgroup& group) { return read_limit(group.folder / "pids.max"); });
}

std::optional<std::uint64_t> memory_room_bytes(const Cgroups& groups) {
  std::optional<std::uint64_t> room;
  for (const Cgroup& group : groups.memory) {
    for (const auto& limit : {memory_limit(group), memory_high(group)}) {
      if (!limit) continue;
      const std::uint64_t here = limit->value - std::min(limit->value, held_bytes(group));
      room = std::min(room.value_or(here), here);
    }
  }
  return room;
}

std::optional<double> cpu_quota(const Cgroup& group) {
  double quota = 0;
  double period = 0;
  if (group.v2) {
    std::ifstream file(group.folder / "cpu.max");
    if (!(file >> quota >> period)) return std::nullopt;  // "max 100000"
  } else {
    std::ifstream quota_file(group.folder / "cpu.cfs_quota_us");
    std::ifstream period_file(group.folder / "cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;  // -1: none
  return quota / period;
}

std::optional<double> cpu_quota(const Cgroups& groups) {
  std::optional<double> smallest_quota;
  for (const Cgroup& group : groups.cpu) {
    const std::optional<double> quota = cpu_quota(group);
    if (quota) smallest_quota = std::min(smallest_quota.value_or(*quota), *quota);
  }
  return smallest_quota;
}

std::optional<double> throttled_ms(const Cgroups& groups) {
  std::optional<double> total;
  for (const Cgroup& group : groups.cpu) {
    if (!cpu_quota(group)) continue;
    const fs::path stat = group.folder / "cpu.stat";
    const auto microseconds = read_key(stat, "throttled_usec");
    const auto nanoseconds = read_key(stat, "throttled_time");  // version 1
    if (microseconds) total = total.value_or(0) + static_cast<double>(*microseconds) * 1e-3;
    if (!microseconds && nanoseconds) total = total.value_or(0) + static_cast<double>(*nanoseconds) * 1e-6;
  }
  return total;
}

OomCounts read_oom_counts(const Cgroups& groups, const fs::path& root) {
  OomCounts counts;
  counts.machine_killed = read_key(root / "proc/vmstat", "oom_kill").value_or(0);
  for (const Cgroup& group : groups.memory) counts.groups.push_back(oom_counts_of(group));
  return counts;
}

std::string find_oom_cause(const Cgroups& groups, const OomCounts& before, const OomCounts& after) {
  bool killed = after.machine_killed > before.machine_killed;
  for (std::size_t i = 0; i < groups.memory.size() && i < before.groups.size() && i < after.groups.size(); ++i) {
    killed = killed || after.groups[i].killed > before.groups[i].killed;
  }
  if (!killed) return {};
  // The lowest group whose limit was reached. The groups above it count the event too, on kernels without local counts.
  for (std::size_t i = 0; i < groups.memory.size() && i < before.groups.size() && i < after.groups.size(); ++i) {
    const auto limit = memory_limit(groups.memory[i]);
    if (!limit || after.groups[i].reached <= before.groups[i].reached) continue;
    return fmt::format("the control group reached its memory limit of {} MiB ({})", limit->value >> 20U,
                       limit->file.string());
  }
  return "the machine ran out of memory";
}

}  // namespace inferbench
