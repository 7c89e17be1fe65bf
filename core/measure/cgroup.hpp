// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace inferbench {

/// A control group that this process is in, or an ancestor of it, for one controller.
struct Cgroup {
  std::filesystem::path folder;  ///< with its files
  bool v2 = false;

  friend bool operator==(const Cgroup&, const Cgroup&) = default;
};

/// The groups that limit this process. Each list starts with the process's own group and ends with the highest visible
/// one (in a container: the container's). Supports versions 1 and 2, and both at once. Empty if there are none.
struct Cgroups {
  std::vector<Cgroup> memory;
  std::vector<Cgroup> cpu;
  std::vector<Cgroup> pids;
};

/// The groups of the running process. `root` replaces "/", so that tests can use a tree of their own.
Cgroups find_cgroups(const std::filesystem::path& root = "/");

/// A limit of one group.
struct CgroupLimit {
  std::uint64_t value = 0;     ///< bytes, or processes
  std::filesystem::path file;  ///< the file with the limit

  friend bool operator==(const CgroupLimit&, const CgroupLimit&) = default;
};

/// The memory limit of the group itself (memory.max, memory.limit_in_bytes); nullopt: no limit.
std::optional<CgroupLimit> memory_limit(const Cgroup& group);
/// The size above which the kernel slows the group down (memory.high of version 2); nullopt: no limit.
std::optional<CgroupLimit> memory_high(const Cgroup& group);
/// The smallest memory limit of all groups.
std::optional<CgroupLimit> smallest_memory_limit(const Cgroups& groups);
/// The smallest limit on processes and threads of all groups.
std::optional<CgroupLimit> smallest_process_limit(const Cgroups& groups);

/// Bytes that the process can still use before it reaches a group's limit, memory.high included; page cache counts as
/// free. nullopt if no group has a limit.
std::optional<std::uint64_t> memory_room_bytes(const Cgroups& groups);

/// The CPU quota of the group itself, in CPUs, such as 1.5; nullopt: no quota.
std::optional<double> cpu_quota(const Cgroup& group);
/// The smallest quota of all groups.
std::optional<double> cpu_quota(const Cgroups& groups);

/// Milliseconds for which quotas have throttled CPUs of the groups since the groups were created; nullopt if no group
/// has a quota.
std::optional<double> throttled_ms(const Cgroups& groups);

/// Out-of-memory counters, to be compared with a later reading.
struct OomCounts {
  struct OfGroup {
    std::uint64_t reached = 0;  ///< how often the group reached its own limit with nothing left to reclaim
    std::uint64_t killed = 0;   ///< processes of the group that were killed, for any limit
  };
  std::uint64_t machine_killed = 0;  ///< processes killed by the kernel, on the entire machine
  std::vector<OfGroup> groups;       ///< as in Cgroups::memory
};
OomCounts read_oom_counts(const Cgroups& groups, const std::filesystem::path& root = "/");

/// Why the kernel killed a process for lack of memory between two readings: "the control group reached its memory limit
/// of 512 MiB (/sys/fs/cgroup/app/memory.max)", "the machine ran out of memory". Empty if it killed none.
std::string find_oom_cause(const Cgroups& groups, const OomCounts& before, const OomCounts& after);

}  // namespace inferbench
