// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// What `inferbench slurm` asks of the scheduler.
struct SlurmOptions {
  std::string partition{};               ///< empty: Slurm's default
  std::string constraint{};              ///< features that the nodes must have; empty: none
  bool exclusive = false;                ///< no other job on a node of ours
  std::int32_t array_limit = 0;          ///< most tasks at once; 0: as many as fit
  std::string time{};                    ///< the time limit of a task, as sbatch takes it
  std::vector<std::string> sbatch_args;  ///< passed to every sbatch
};

/// One call of sbatch for tasks, and the job that collects their results.
struct SlurmSubmission {
  std::string time;                    ///< UTC
  std::vector<std::string> task_jobs;  ///< the array, or one job per node
  std::string collect_job{};           ///< empty: it was refused
  std::vector<std::string> tasks;      ///< names of the tasks
};

/// A sweep on a cluster: one experiment, split into shards or run completely on each node. It has a folder, which all
/// nodes must see: sweep.json, the scripts, logs/, tasks/ (what a task said about itself), and one run folder per task.
struct SlurmSweep {
  std::string name;                      ///< of the experiment
  std::string experiment;                ///< absolute path
  std::vector<std::string> overrides;    ///< --set
  std::vector<std::string> plugin_dirs;  ///< absolute paths
  std::string program;                   ///< absolute path of inferbench
  std::string folder;                    ///< absolute path of the sweep's folder
  std::string out;                       ///< absolute path of the folder for merged runs, as in run --out
  bool each_node = false;                ///< tasks are nodes, and each runs the entire experiment
  std::vector<std::string> tasks;        ///< "1" to "N", or the names of the nodes
  std::int32_t cpus = 1;                 ///< threads of the largest point
  bool has_targets = false;              ///< the experiment has targets to check
  SlurmOptions options;
  std::vector<SlurmSubmission> submissions;
};

/// The run folder of a task: FOLDER/shard-3 or FOLDER/node-n7.
std::filesystem::path task_folder(const SlurmSweep& sweep, const std::string& task);
/// The file that the task's script appends its beginning and end to.
std::filesystem::path task_journal(const SlurmSweep& sweep, const std::string& task);
std::filesystem::path task_log(const SlurmSweep& sweep, const std::string& task);

/// A new folder OUT/NAME/slurm-<UTC time>-<id>. Its parent may not exist yet.
std::filesystem::path new_sweep_folder(const std::filesystem::path& out, const std::string& name);

/// Indented JSON, ending with a newline.
std::string to_json_text(const SlurmSweep& sweep);
SlurmSweep parse_slurm_sweep(std::string_view text, const std::filesystem::path& path);

/// FOLDER/sweep.json. Both throw Error.
void write_sweep(const SlurmSweep& sweep);
SlurmSweep read_sweep(const std::filesystem::path& folder);

}  // namespace inferbench
