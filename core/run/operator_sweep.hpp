// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "results/operator_result.hpp"
#include "run/process_runner.hpp"

namespace inferbench {

/// What a sweep of operators needs. All borrowed.
struct OperatorSweepSetup {
  const OperatorExperiment& experiment;
  std::vector<std::string> plugins;  ///< path of each contender's library, absolute
  std::vector<std::string> worker;   ///< the command of a worker process
  std::function<bool()> stop_requested;
  /// Before each point, and for each warning; with a line for the user.
  std::function<void(const std::string& line)> progress;
  /// Throws Error where a file that the run reads is not what it was. Asked before and after each load.
  std::function<void()> check_files{};
};

/// Every operator at every shape: each contender in a worker process prepares it and runs it once, and the result is
/// held against float64, computed here; then, in each block, each contender whose result was right takes a sample, in a
/// shuffled order. A block in which something disturbed a sample is run again; the attempt with the fewest disturbed
/// samples counts, the first of several with as few, for all contenders. Stops between two samples where it is told to:
/// the points that were not finished are missing then.
///
/// Finished points are appended to `results`. Throws Error where a file was replaced.
void run_operators(const OperatorSweepSetup& setup, std::vector<OperatorResult>& results);

}  // namespace inferbench
