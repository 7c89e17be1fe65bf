// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cluster/slurm_sweep.hpp"

namespace inferbench {

/// Writes the scripts into the sweep's folder, which is created if absent.
void write_scripts(const SlurmSweep& sweep);

/// Submits the tasks and the job that collects, and records both in sweep.json, also if the second is refused. Throws
/// Error if there is no sbatch, and with sbatch's own words if it refuses.
void submit(SlurmSweep& sweep, const std::vector<std::string>& tasks);

/// "123" from the answer of `sbatch --parsable`: "123" or "123;cluster". Throws Error for anything else.
std::string parse_job_id(const std::string& answer);

/// What submit would run, for --dry-run: the scripts and the commands, with ids that are not known yet as ARRAY_JOB or
/// JOB_OF_NODE.
std::string submission_text(const SlurmSweep& sweep, const std::vector<std::string>& tasks);

}  // namespace inferbench
