// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "cluster/command_output.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

std::vector<std::string> fields_of(const std::string& line, char separator) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, separator);) fields.push_back(field);
  return fields;
}

// "idle", "mixed*", "down~": the marks behind the state don't matter, apart from '*': the node does not answer.
bool usable(const std::string& state) {
  constexpr std::array<std::string_view, 5> kUnusable{"down", "drain", "drng", "fail", "unk"};
  if (state.find('*') != std::string::npos) return false;
  return std::none_of(kUnusable.begin(), kUnusable.end(),
                      [&](std::string_view word) { return state.starts_with(word); });
}

// Jobs that have ended stay in the queue for a while.
bool is_live(const std::string& state) {
  constexpr std::array<std::string_view, 9> kEnded{"COMPLETING", "COMPLETED", "CANCELLED",     "FAILED",  "TIMEOUT",
                                                   "NODE_FAIL",  "BOOT_FAIL", "OUT_OF_MEMORY", "DEADLINE"};
  return std::find(kEnded.begin(), kEnded.end(), state) == kEnded.end();
}

}  // namespace

std::vector<std::string> parse_nodes(const std::string& text, const std::string& constraint) {
  std::vector<std::string> nodes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> fields = fields_of(line, '|');
    if (fields.size() != 3 || !usable(fields[2])) continue;
    const std::vector<std::string> features = fields_of(fields[1], ',');
    const bool fits = constraint.empty() || std::find(features.begin(), features.end(), constraint) != features.end();
    if (fits && std::find(nodes.begin(), nodes.end(), fields[0]) == nodes.end()) nodes.push_back(fields[0]);
  }
  return nodes;
}

std::vector<std::string> list_nodes(const std::string& partition, const std::string& constraint) {
  std::vector<std::string> words{"sinfo", "--noheader", "--Node", "--format=%N|%f|%t"};
  if (!partition.empty()) words.push_back(fmt::format("--partition={}", partition));
  const auto answer = run_command(words);
  if (!answer) throw Error("sinfo is not installed here, so the nodes are unknown", "name them: --on NODE,NODE");
  if (answer->exit_code != 0) {
    throw Error(fmt::format("sinfo failed: {}", one_line(answer->err)), "name the nodes: --on NODE,NODE");
  }
  std::vector<std::string> nodes = parse_nodes(answer->out, constraint);
  if (nodes.empty()) {
    throw Error(
        fmt::format("no node{}{} is up", partition.empty() ? "" : fmt::format(" of the partition {}", partition),
                    constraint.empty() ? "" : fmt::format(" with the feature {}", constraint)),
        "see: sinfo --Node --long; or name the nodes: --on NODE,NODE");
  }
  return nodes;
}

std::map<std::string, std::string> queued_tasks(const SlurmSweep& sweep) {
  std::map<std::string, std::string> task_of;  // of jobs that are no arrays
  std::vector<std::string> jobs;
  for (const SlurmSubmission& one : sweep.submissions) {
    jobs.insert(jobs.end(), one.task_jobs.begin(), one.task_jobs.end());
    for (std::size_t i = 0; sweep.each_node && i < std::min(one.tasks.size(), one.task_jobs.size()); ++i) {
      task_of[one.task_jobs[i]] = one.tasks[i];
    }
  }
  std::map<std::string, std::string> found;
  if (jobs.empty()) return found;
  // Asks for everything the user may see: squeue fails for a job that Slurm has forgotten.
  const auto answer = run_command({"squeue", "--noheader", "--array", "--format=%F|%K|%T"});
  if (!answer || answer->exit_code != 0) return found;
  std::istringstream lines(answer->out);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> fields = fields_of(line, '|');
    if (fields.size() != 3 || std::find(jobs.begin(), jobs.end(), fields[0]) == jobs.end()) continue;
    if (is_live(fields[2])) found[sweep.each_node ? task_of[fields[0]] : fields[1]] = fields[2];
  }
  return found;
}

}  // namespace inferbench
