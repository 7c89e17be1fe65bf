// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// The name of this machine in its cluster: the variable INFERBENCH_NODE, otherwise SLURMD_NODENAME, which Slurm sets
/// in every job. Empty without them: the host name is not used, because results are published.
std::string node_name();

/// The name in the environment of a run (collect_environment), empty if there is none.
std::string node_of(const std::string& environment);

}  // namespace inferbench
