// SPDX-License-Identifier: Apache-2.0
// What Slurm says about its nodes and jobs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cluster/slurm_sweep.hpp"

namespace inferbench {

/// The nodes of a partition (empty: of all) that have the feature `constraint` (empty: any) and are not down or
/// drained, from sinfo. Throws Error without sinfo, and if there is none.
std::vector<std::string> list_nodes(const std::string& partition, const std::string& constraint);

/// The nodes in the output of `sinfo --noheader --Node --format='%N|%f|%t'`.
std::vector<std::string> parse_nodes(const std::string& text, const std::string& constraint);

/// The tasks of the sweep that Slurm still knows as waiting or running -> "PENDING", "RUNNING", ..., from squeue.
/// Empty without squeue or if it does not answer: then nobody can tell.
std::map<std::string, std::string> queued_tasks(const SlurmSweep& sweep);

}  // namespace inferbench
