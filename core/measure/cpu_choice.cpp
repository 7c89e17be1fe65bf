// SPDX-License-Identifier: Apache-2.0
#include "measure/cpu_choice.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>

#include "measure/affinity.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kForms = "give CPU numbers or ranges such as 0-3,8, 'performance', or a NUMA node such as node:0";
constexpr std::string_view kNode = "node:";

bool parse_cpu(std::string_view text, int& cpu) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  return error == std::errc() && end == text.data() + text.size() && cpu >= 0 && cpu < CPU_SETSIZE;
}

// "3" or "0-3".
void add_range(std::string_view text, std::set<int>& cpus) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  int first = 0;
  int last = 0;
  const std::string_view end = dash == text.size() ? text : text.substr(dash + 1);
  if (!parse_cpu(text.substr(0, dash), first) || !parse_cpu(end, last) || last < first) {
    throw Error(fmt::format("'{}' is not a CPU number or range", one_line(text, 40)), kForms);
  }
  for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
}

std::string first_line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The CPUs in a list that the kernel wrote; empty if the file is missing.
std::vector<int> listed_cpus(const fs::path& path) {
  const std::string line = first_line_of(path);
  return line.empty() ? std::vector<int>{} : parse_cpu_list(line);
}

std::vector<int> fastest_by_capacity(const fs::path& cpus, const std::vector<int>& allowed) {
  std::map<int, std::vector<int>> by_capacity;
  for (const int cpu : allowed) {
    int capacity = 0;
    std::ifstream file(cpus / fmt::format("cpu{}", cpu) / "cpu_capacity");
    if (!(file >> capacity)) return {};
    by_capacity[capacity].push_back(cpu);
  }
  return by_capacity.size() < 2 ? std::vector<int>{} : by_capacity.rbegin()->second;
}

std::map<int, std::vector<int>> numa_nodes(const fs::path& folder) {
  std::map<int, std::vector<int>> nodes;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    const std::string name = entry.path().filename().string();
    int node = 0;
    if (!name.starts_with("node") || !parse_cpu(std::string_view(name).substr(4), node)) continue;
    if (auto cpus = listed_cpus(entry.path() / "cpulist"); !cpus.empty()) nodes[node] = std::move(cpus);
  }
  return nodes;
}

std::vector<int> both(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

std::vector<int> cpus_of_node(std::string_view word, const CpuTopology& topology) {
  int node = 0;
  const bool is_number = parse_cpu(word.substr(kNode.size()), node);
  const auto found = is_number ? topology.nodes.find(node) : topology.nodes.end();
  if (found != topology.nodes.end()) return both(found->second, topology.allowed);
  std::string known;
  for (const auto& [number, cpus] : topology.nodes)
    known += fmt::format("{}node:{}", known.empty() ? "" : ", ", number);
  throw Error(
      fmt::format("there is no NUMA node '{}'; known nodes: {}", one_line(word, 40), known.empty() ? "none" : known),
      kForms);
}

std::vector<int> cpus_of_word(const std::string& word, const CpuTopology& topology) {
  if (word == "performance") {
    return topology.performance.empty() ? topology.allowed : both(topology.performance, topology.allowed);
  }
  if (word.starts_with(kNode)) return cpus_of_node(word, topology);
  std::vector<int> cpus = parse_cpu_list(word);
  for (const int cpu : cpus) {
    if (std::binary_search(topology.allowed.begin(), topology.allowed.end(), cpu)) continue;
    throw Error(
        fmt::format("CPU {} is not among those that the process may use: {}", cpu, cpu_list_text(topology.allowed)),
        "name some of these, or start the program with more (taskset, cgroup)");
  }
  return cpus;
}

}  // namespace

CpuTopology read_cpu_topology(const fs::path& sysfs) {
  CpuTopology topology;
  topology.allowed = allowed_cpus();
  topology.performance = fastest_by_capacity(sysfs / "devices/system/cpu", topology.allowed);
  if (topology.performance.empty()) topology.performance = listed_cpus(sysfs / "devices/cpu_core/cpus");
  topology.nodes = numa_nodes(sysfs / "devices/system/node");
  return topology;
}

std::vector<int> parse_cpu_list(std::string_view text) {
  std::set<int> cpus;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    add_range(text.substr(begin, end - begin), cpus);
    begin = end + 1;
  }
  return {cpus.begin(), cpus.end()};
}

std::string cpu_list_text(std::span<const int> cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? fmt::format("{}", cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

std::vector<int> choose_cpus(const std::vector<std::string>& words, const CpuTopology& topology) {
  std::set<int> chosen;
  for (const std::string& word : words) {
    const std::vector<int> cpus = cpus_of_word(word, topology);
    if (cpus.empty()) {
      throw Error(fmt::format("'{}' names no CPU that the process may use: {}", word, cpu_list_text(topology.allowed)),
                  "name some of these, or start the program with more (taskset, cgroup)");
    }
    chosen.insert(cpus.begin(), cpus.end());
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace inferbench
