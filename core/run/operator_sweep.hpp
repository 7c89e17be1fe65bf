// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "results/operator_result.hpp"
#include "run/process_runner.hpp"

namespace inferbench {

/// The inputs of a sweep of operators. All borrowed.
struct OperatorSweepSetup {
  const OperatorExperiment& experiment;
  std::vector<std::string> plugins;  ///< absolute path of each contender's library
  std::vector<std::string> worker;   ///< command line of a worker process
  const std::optional<MachineLimits>& machine;
  std::function<bool()> stop_requested;
  /// Called before each point and for each warning, with a line for the user.
  std::function<void(const std::string& line)> progress;
  /// Throws Error if a file that the run reads has changed. Called before and after each load.
  std::function<void()> check_files{};
};

/// Measures every operator at every shape. Each contender prepares it in a worker process and runs it once, and the
/// result is compared with the float64 reference computed here. Then, in each block, each contender with a correct
/// result takes a sample, in a shuffled order. If something disturbed a sample, the block is repeated; for all
/// contenders, the attempt with the fewest disturbed samples counts, the first one if several have as few. If the user
/// asks to stop, it stops between two samples, and unfinished points are missing from the results.
///
/// Finished points are appended to `results`. Throws Error if a file was replaced.
void run_operators(const OperatorSweepSetup& setup, std::vector<OperatorResult>& results);

}  // namespace inferbench
