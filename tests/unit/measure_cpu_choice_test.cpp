// SPDX-License-Identifier: Apache-2.0
// The CPUs that the words of measure.cpus select on several kinds of machines.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "measure/affinity.hpp"
#include "measure/cpu_choice.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const CpuTopology kHybrid{
    {0, 1, 2, 3, 8, 9}, {0, 1, 2, 3, 4, 5}, {{0, {0, 1, 2, 3, 4, 5, 6, 7}}, {1, {8, 9}}, {2, {64}}}};

std::string error_of(const std::vector<std::string>& words, const CpuTopology& topology = kHybrid) {
  try {
    choose_cpus(words, topology);
  } catch (const Error& error) {
    EXPECT_FALSE(error.cure().empty());
    return error.what();
  }
  return "no error";
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text << "\n";
}

TEST(CpuChoice, ListsAreReadAndWritten) {
  EXPECT_THAT(parse_cpu_list("8,0-3,2"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_EQ(cpu_list_text(parse_cpu_list("8,0-3,2,10-11")), "0-3,8,10-11");
  EXPECT_EQ(cpu_list_text({}), "");
  for (const char* wrong : {"", "x", "3-1", "-1", "1-", "1,,2", "1.5", "99999", "0-99999", " 1"}) {
    EXPECT_THROW(parse_cpu_list(wrong), Error) << wrong;
  }
}

TEST(CpuChoice, WordsAreNumbersKindsAndNodes) {
  EXPECT_THAT(choose_cpus({"0-1", "9"}, kHybrid), ElementsAre(0, 1, 9));
  EXPECT_THAT(choose_cpus({"performance"}, kHybrid), ElementsAre(0, 1, 2, 3)) << "those that the process may use";
  EXPECT_THAT(choose_cpus({"node:1"}, kHybrid), ElementsAre(8, 9));
  EXPECT_THAT(choose_cpus({"node:1", "0", "8"}, kHybrid), ElementsAre(0, 8, 9));
  EXPECT_THAT(choose_cpus({"performance"}, {{4, 5}, {}, {}}), ElementsAre(4, 5)) << "all are alike";
}

TEST(CpuChoice, WhatCannotBeUsedIsNamed) {
  EXPECT_EQ(error_of({"0-4"}), "CPU 4 is not among those that the process may use: 0-3,8-9");
  EXPECT_EQ(error_of({"node:7"}), "there is no NUMA node 'node:7'; known nodes: node:0, node:1, node:2");
  EXPECT_EQ(error_of({"node:"}), "there is no NUMA node 'node:'; known nodes: node:0, node:1, node:2");
  EXPECT_EQ(error_of({"node:2"}), "'node:2' names no CPU that the process may use: 0-3,8-9");
  EXPECT_EQ(error_of({"perfomance"}), "'perfomance' is not a CPU number or range");
  EXPECT_THAT(error_of({"performance"}, {{9}, {1, 2}, {}}), HasSubstr("names no CPU"));
}

TEST(CpuChoice, KindsAndNodesAreReadFromSysfs) {
  const fs::path sysfs = fs::path(testing::TempDir()) / "cpu-choice";
  fs::remove_all(sysfs);
  const std::vector<int> allowed = allowed_cpus();
  ASSERT_FALSE(allowed.empty());
  CpuTopology topology = read_cpu_topology(sysfs);
  EXPECT_EQ(topology.allowed, allowed);
  EXPECT_THAT(topology.performance, IsEmpty());
  EXPECT_THAT(topology.nodes, IsEmpty());
  write(sysfs / "devices/cpu_core/cpus", "0-1,6");
  write(sysfs / "devices/system/node/node0/cpulist", "0-3");
  write(sysfs / "devices/system/node/node1/cpulist", "4-7");
  write(sysfs / "devices/system/node/possible", "0-1");
  topology = read_cpu_topology(sysfs);
  EXPECT_THAT(topology.performance, ElementsAre(0, 1, 6));
  EXPECT_THAT(topology.nodes, ElementsAre(Pair(0, ElementsAre(0, 1, 2, 3)), Pair(1, ElementsAre(4, 5, 6, 7))));
  // The kernel's capacity of each CPU takes precedence if the CPUs differ.
  for (const int cpu : allowed) {
    const std::string capacity = cpu == allowed.front() && allowed.size() > 1 ? "446" : "1024";
    write(sysfs / "devices/system/cpu" / ("cpu" + std::to_string(cpu)) / "cpu_capacity", capacity);
  }
  topology = read_cpu_topology(sysfs);
  if (allowed.size() > 1) {
    EXPECT_EQ(topology.performance, std::vector<int>(allowed.begin() + 1, allowed.end()));
  } else {
    EXPECT_THAT(topology.performance, ElementsAre(0, 1, 6));
  }
  fs::remove_all(sysfs);
}

}  // namespace
}  // namespace inferbench
