// SPDX-License-Identifier: Apache-2.0
// The texts that go to Slurm. Nothing here runs anything.
#pragma once

#include <string>
#include <vector>

#include "cluster/slurm_sweep.hpp"

namespace inferbench {

/// FOLDER/task.sh: runs one task and continues what an earlier start of it left. The task is the first argument,
/// otherwise the array's index.
std::string task_script(const SlurmSweep& sweep);

/// FOLDER/collect.sh: merges, reports and checks, after all tasks.
std::string collect_script(const SlurmSweep& sweep);

/// The sbatch command for these tasks: one array, or for a node's task (exactly one) a job on that node.
std::vector<std::string> task_command(const SlurmSweep& sweep, const std::vector<std::string>& tasks);

/// The sbatch command for the job that collects once the jobs have ended, however they end.
std::vector<std::string> collect_command(const SlurmSweep& sweep, const std::vector<std::string>& task_jobs);

/// "1-3,7" for the ascending numbers 1, 2, 3, 7.
std::string array_text(const std::vector<std::string>& tasks);

/// `path` in a file name pattern of Slurm, where % begins a replacement.
std::string pattern_path(const std::string& path);

}  // namespace inferbench
