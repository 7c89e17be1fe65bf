// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// The facts about the machine's CPUs that an experiment can refer to.
struct CpuTopology {
  std::vector<int> allowed;               ///< CPUs that the process may use, ascending
  std::vector<int> performance;           ///< CPUs of the fastest kind; empty if all are alike
  std::map<int, std::vector<int>> nodes;  ///< NUMA node -> its CPUs
};

/// Reads the topology of this machine from `sysfs`: cpu_capacity of each CPU (Arm), the CPUs of the PMU cpu_core
/// (Intel's hybrids), and the NUMA nodes. Missing entries leave the fields empty.
CpuTopology read_cpu_topology(const std::filesystem::path& sysfs = "/sys");

/// "0-3,8" -> 0, 1, 2, 3, 8, ascending, each once. Throws Error.
std::vector<int> parse_cpu_list(std::string_view text);
/// The inverse of parse_cpu_list.
std::string cpu_list_text(std::span<const int> cpus);

/// The union of the CPUs that the words name, ascending, each once. A word is a list of numbers ("0-3,8"),
/// `performance` (the fastest kind; all if all are alike) or `node:N` (a NUMA node). A number that the process may not
/// use is an error; for a kind or a node, only the CPUs that the process may use are taken. Throws Error for unknown
/// words, and for a word that leaves no CPU.
std::vector<int> choose_cpus(const std::vector<std::string>& words, const CpuTopology& topology);

}  // namespace inferbench
