// SPDX-License-Identifier: Apache-2.0
// Control groups of versions 1 and 2, read from trees of files laid out like the kernel's.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "measure/cgroup.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1U << 20U;

class CgroupTest : public testing::Test {
 protected:
  CgroupTest() {
    std::string pattern = (fs::temp_directory_path() / "inferbench-cgroup-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~CgroupTest() override { fs::remove_all(root_); }

  const fs::path& root() const { return root_; }

  void put(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  // A service in a slice, on a machine with only version 2.
  void make_v2() const {
    put("proc/self/cgroup", "0::/system.slice/bench.service\n");
    put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    const std::string slice = "sys/fs/cgroup/system.slice/";
    put(slice + "memory.max", "1073741824\n");
    put(slice + "memory.current", "900000000\n");
    put(slice + "memory.stat", "anon 100\ninactive_file 200000000\nactive_file 100000000\n");
    put(slice + "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n");
    put(slice + "cpu.max", "max 100000\n");
    const std::string service = slice + "bench.service/";
    put(service + "memory.max", "max\n");
    put(service + "memory.high", "838860800\n");
    put(service + "memory.current", "10485760\n");
    put(service + "memory.stat", "inactive_file 0\nactive_file 0\n");
    put(service + "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n");
    put(service + "cpu.max", "150000 100000\n");
    put(service + "cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 42000\n");
    put(service + "pids.max", "77\n");
  }

  // Version 1, in a container that has its own groups mounted at the top.
  void make_v1() const {
    put("proc/self/cgroup", "4:memory:/docker/abc/job\n3:cpu,cpuacct:/docker/abc\n0::/\n");
    put("proc/self/mountinfo",
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory\n"
        "36 31 0:33 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
        "37 31 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    const std::string memory = "sys/fs/cgroup/memory/";
    put(memory + "memory.limit_in_bytes", "536870912\n");
    put(memory + "memory.usage_in_bytes", "400000000\n");
    put(memory + "memory.stat", "inactive_file 1\ntotal_inactive_file 300000000\ntotal_active_file 0\n");
    put(memory + "memory.failcnt", "0\n");
    put(memory + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    put(memory + "job/memory.limit_in_bytes", "9223372036854771712\n");
    put(memory + "job/memory.failcnt", "0\n");
    put(memory + "job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 7000000\n");
  }

 private:
  fs::path root_;
};

TEST_F(CgroupTest, Version2GoesUpFromTheOwnGroup) {
  make_v2();
  const Cgroups groups = find_cgroups(root());
  ASSERT_EQ(groups.memory.size(), 3U);
  EXPECT_EQ(groups.memory[0].folder, root() / "sys/fs/cgroup/system.slice/bench.service");
  EXPECT_EQ(groups.memory[2].folder, root() / "sys/fs/cgroup");
  EXPECT_TRUE(groups.memory[0].v2);
  const auto limit = smallest_memory_limit(groups);
  ASSERT_TRUE(limit);
  EXPECT_EQ(*limit, (CgroupLimit{1024 * kMiB, root() / "sys/fs/cgroup/system.slice/memory.max"}));
  EXPECT_EQ(memory_high(groups.memory[0])->value, 800 * kMiB);
  EXPECT_EQ(smallest_process_limit(groups)->value, 77U);
  // 1 GiB minus 600 MB of memory that is not file cache; memory.high leaves more.
  EXPECT_EQ(memory_room_bytes(groups), 1024 * kMiB - 600000000);
  put("sys/fs/cgroup/system.slice/bench.service/memory.current", "838860800\n");
  EXPECT_EQ(memory_room_bytes(groups), 0U);
  EXPECT_DOUBLE_EQ(cpu_quota(groups).value_or(0), 1.5);
  EXPECT_DOUBLE_EQ(throttled_ms(groups).value_or(0), 42);
}

TEST_F(CgroupTest, Version1IsFoundBelowWhatTheContainerMounts) {
  make_v1();
  const Cgroups groups = find_cgroups(root());
  ASSERT_EQ(groups.memory.size(), 2U);
  EXPECT_EQ(groups.memory[0].folder, root() / "sys/fs/cgroup/memory/job");
  EXPECT_FALSE(groups.memory[0].v2);
  EXPECT_EQ(smallest_memory_limit(groups)->value, 512 * kMiB);
  EXPECT_EQ(memory_room_bytes(groups), 512 * kMiB - 100000000);
  ASSERT_EQ(groups.cpu.size(), 1U);
  EXPECT_DOUBLE_EQ(cpu_quota(groups).value_or(0), 2.5);
  EXPECT_DOUBLE_EQ(throttled_ms(groups).value_or(0), 7);
  EXPECT_TRUE(groups.pids.empty() || !smallest_process_limit(groups));
}

TEST_F(CgroupTest, WithoutLimitsOrGroupsThereIsNothing) {
  const Cgroups none = find_cgroups(root());
  EXPECT_TRUE(none.memory.empty());
  EXPECT_EQ(smallest_memory_limit(none), std::nullopt);
  EXPECT_EQ(memory_room_bytes(none), std::nullopt);
  EXPECT_EQ(cpu_quota(none), std::nullopt);
  EXPECT_EQ(throttled_ms(none), std::nullopt);
  make_v2();
  put("sys/fs/cgroup/system.slice/memory.max", "max\n");
  put("sys/fs/cgroup/system.slice/bench.service/memory.high", "max\n");
  put("sys/fs/cgroup/system.slice/bench.service/cpu.max", "max 100000\n");
  const Cgroups unlimited = find_cgroups(root());
  EXPECT_EQ(memory_room_bytes(unlimited), std::nullopt);
  EXPECT_EQ(cpu_quota(unlimited), std::nullopt);
  EXPECT_EQ(throttled_ms(unlimited), std::nullopt);
}

TEST_F(CgroupTest, AGroupThatTheContainerDoesNotSeeIsItsTop) {
  make_v2();
  put("proc/self/cgroup", "0::/../../elsewhere\n");
  put("sys/fs/cgroup/memory.max", "1048576\n");
  const Cgroups groups = find_cgroups(root());
  ASSERT_EQ(groups.memory.size(), 1U);
  EXPECT_EQ(smallest_memory_limit(groups)->value, kMiB);
}

TEST_F(CgroupTest, TheCauseOfAKillIsTheGroupWhoseLimitWasReached) {
  make_v2();
  put("proc/vmstat", "pgfault 5\noom_kill 3\n");
  const Cgroups groups = find_cgroups(root());
  const OomCounts before = read_oom_counts(groups, root());
  EXPECT_EQ(find_oom_cause(groups, before, before), "");
  // The slice reached its limit: its own oom count rises, and so do the kill counts of the slice and the service.
  put("proc/vmstat", "oom_kill 4\n");
  put("sys/fs/cgroup/system.slice/memory.events", "max 3\noom 1\noom_kill 1\n");
  put("sys/fs/cgroup/system.slice/bench.service/memory.events", "max 0\noom 0\noom_kill 1\n");
  EXPECT_THAT(find_oom_cause(groups, before, read_oom_counts(groups, root())),
              HasSubstr("the control group reached its memory limit of 1024 MiB (" + root().string() +
                        "/sys/fs/cgroup/system.slice/memory.max)"));
  // A process of the group was killed, but no group reached its limit.
  put("sys/fs/cgroup/system.slice/memory.events", "max 3\noom 0\noom_kill 1\n");
  EXPECT_EQ(find_oom_cause(groups, before, read_oom_counts(groups, root())), "the machine ran out of memory");
}

TEST_F(CgroupTest, TheCauseOfAKillInVersion1) {
  make_v1();
  put("proc/vmstat", "oom_kill 0\n");
  const Cgroups groups = find_cgroups(root());
  const OomCounts before = read_oom_counts(groups, root());
  put("proc/vmstat", "oom_kill 1\n");
  put("sys/fs/cgroup/memory/memory.failcnt", "12\n");
  EXPECT_THAT(find_oom_cause(groups, before, read_oom_counts(groups, root())),
              HasSubstr("limit of 512 MiB (" + root().string() + "/sys/fs/cgroup/memory/memory.limit_in_bytes)"));
}

}  // namespace
}  // namespace inferbench
