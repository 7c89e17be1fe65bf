// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/program.hpp"

namespace inferbench::test {

/// A Slurm cluster on loopback with two nodes, n1 and n2, of one CPU each, which both are this machine. Its daemons,
/// configuration and state are its own; SLURM_CONF is set while it exists.
class SlurmCluster {
 public:
  /// The first of Slurm's and MUNGE's programs that is not installed; empty if all are there.
  static std::string missing_program();

  /// Starts the daemons in `folder` and waits until both nodes are idle. A node that does not answer for
  /// `node_timeout_s` counts as down. Throws std::runtime_error with the daemons'
  /// last words.
  SlurmCluster(const std::filesystem::path& folder, int node_timeout_s);
  /// Cancels all jobs and stops the daemons and whatever they left.
  ~SlurmCluster();
  SlurmCluster(const SlurmCluster&) = delete;
  SlurmCluster& operator=(const SlurmCluster&) = delete;

  /// As if the node lost its power: kills its slurmd and the jobs on it.
  void kill_node(const std::string& node);

  /// Output of one of Slurm's commands, such as {"squeue", "--noheader"}.
  static ProgramResult command(const std::vector<std::string>& words);

  /// The state of a job or array task ("PENDING", ...); empty once it has ended and Slurm has forgotten it.
  static std::string state_of(const std::string& job);

 private:
  void write_configuration(int node_timeout_s) const;
  void start(const std::string& name, const std::vector<std::string>& words);
  std::string last_words() const;

  std::filesystem::path folder_;
  std::map<std::string, std::unique_ptr<Program>> daemons_;
};

}  // namespace inferbench::test
