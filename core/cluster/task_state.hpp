// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cluster/slurm_sweep.hpp"

namespace inferbench {

/// How far a task is.
struct TaskState {
  std::string task;
  std::string word;           ///< "complete", "pending", "running", "incomplete", "failed", "not started"
  std::uint64_t present = 0;  ///< planned trials with a row
  std::uint64_t planned = 0;  ///< 0: unknown, because there is no run folder
  std::string job{};          ///< of the last start, "12_3"
  std::string node{};         ///< of the last start
  std::string reason{};       ///< why it is not complete: the last error in its log, or its last line

  bool complete() const { return word == "complete"; }
  /// Nothing will finish it, so it must be submitted again.
  bool lost() const { return word == "incomplete" || word == "failed" || word == "not started"; }
};

/// The state of every task, from the run folders, the journals and logs, and `queued` (queued_tasks). A task is
/// complete if all planned trials have rows and its last start recorded its end: measure.until may add blocks.
std::vector<TaskState> task_states(const SlurmSweep& sweep, const std::map<std::string, std::string>& queued);

/// A table of the tasks and, if some are lost, which and how to repeat them.
std::string status_text(const SlurmSweep& sweep, const std::vector<TaskState>& states);

}  // namespace inferbench
