// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// What is known of the machine's CPUs, as far as an experiment may name them.
struct CpuTopology {
  std::vector<int> allowed;               ///< that the process may use, ascending
  std::vector<int> performance;           ///< those of the fastest kind; empty where all are alike
  std::map<int, std::vector<int>> nodes;  ///< NUMA node -> its CPUs
};

/// Of this machine. `sysfs` is read: cpu_capacity of each CPU (Arm), the CPUs of the PMU cpu_core (Intel's hybrids),
/// and the NUMA nodes. What is not there is left empty.
CpuTopology read_cpu_topology(const std::filesystem::path& sysfs = "/sys");

/// "0-3,8" -> 0, 1, 2, 3, 8, ascending, each once. Throws Error.
std::vector<int> parse_cpu_list(std::string_view text);
/// The reverse.
std::string cpu_list_text(std::span<const int> cpus);

/// The CPUs that the words name together, ascending, each once: lists of numbers ("0-3,8"), `performance` (the fastest
/// kind; all where all are alike) and `node:N` (a NUMA node). A number that the process may not use is an error; of a
/// kind or a node those that it may use are taken. Throws Error for unknown words, and where nothing is left.
std::vector<int> choose_cpus(const std::vector<std::string>& words, const CpuTopology& topology);

}  // namespace inferbench
