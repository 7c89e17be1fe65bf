// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace inferbench {

/// A control group that this process is in, or one above it, for one controller.
struct Cgroup {
  std::filesystem::path folder;  ///< of its files
  bool v2 = false;

  friend bool operator==(const Cgroup&, const Cgroup&) = default;
};

/// The groups that limit this process, each list from its own group up to the highest that can be seen (in a container:
/// the container's). Versions 1 and 2, and both at once. Empty where there are none.
struct Cgroups {
  std::vector<Cgroup> memory;
  std::vector<Cgroup> cpu;
  std::vector<Cgroup> pids;
};

/// Of the running process. `root` stands for "/", so that tests can bring a tree of their own.
Cgroups find_cgroups(const std::filesystem::path& root = "/");

/// A limit of one group.
struct CgroupLimit {
  std::uint64_t value = 0;     ///< bytes, or processes
  std::filesystem::path file;  ///< that says so

  friend bool operator==(const CgroupLimit&, const CgroupLimit&) = default;
};

/// What the group itself may hold (memory.max, memory.limit_in_bytes); nullopt for no limit.
std::optional<CgroupLimit> memory_limit(const Cgroup& group);
/// Above this the kernel slows the group down (memory.high of version 2); nullopt for no limit.
std::optional<CgroupLimit> memory_high(const Cgroup& group);
/// The smallest of all groups.
std::optional<CgroupLimit> smallest_memory_limit(const Cgroups& groups);
/// The smallest number of processes and threads that a group allows.
std::optional<CgroupLimit> smallest_process_limit(const Cgroups& groups);

/// Bytes that the process can still take before a group's limit, memory.high included; page cache counts as free.
/// nullopt where no group has a limit.
std::optional<std::uint64_t> memory_room_bytes(const Cgroups& groups);

/// CPUs' worth of time that the group itself gets, such as 1.5; nullopt for no quota.
std::optional<double> cpu_quota(const Cgroup& group);
/// The smallest of all groups.
std::optional<double> cpu_quota(const Cgroups& groups);

/// Milliseconds that quotas held CPUs of the groups back, since they were made; nullopt where no group has a quota.
std::optional<double> throttled_ms(const Cgroups& groups);

/// How often memory ran out, for comparison with a later reading.
struct OomCounts {
  struct OfGroup {
    std::uint64_t reached = 0;  ///< the group's own limit, with nothing left to reclaim
    std::uint64_t killed = 0;   ///< processes of the group, for any limit
  };
  std::uint64_t machine_killed = 0;  ///< by the kernel, on the machine
  std::vector<OfGroup> groups;       ///< as in Cgroups::memory
};
OomCounts read_oom_counts(const Cgroups& groups, const std::filesystem::path& root = "/");

/// Why the kernel killed a process for want of memory between two readings: "the control group reached its memory limit
/// of 512 MiB (/sys/fs/cgroup/app/memory.max)", "the machine ran out of memory"; empty where it killed none.
std::string find_oom_cause(const Cgroups& groups, const OomCounts& before, const OomCounts& after);

}  // namespace inferbench
