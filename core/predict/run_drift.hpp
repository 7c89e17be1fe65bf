// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "predict/held_out.hpp"
#include "predict/samples.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// One run separated from the others: its samples of configurations that other runs on the same machine also measured,
/// and the samples of all other runs.
struct LeftOutRun {
  std::vector<Sample> own;
  std::vector<Sample> others;
};

/// One entry for each run that repeats configurations of another run on its machine; empty if no run does. `limits` as
/// for collect_samples.
std::vector<LeftOutRun> leave_runs_out(std::span<const RunData> runs, std::span<const MachineLimits* const> limits);

/// Compares a run's own measurements with the predictions of models that saw neither this run nor the configuration in
/// any other run, by validation_schemes. The errors therefore include the drift between runs.
std::vector<HeldOut> predict_left_out_runs(const std::string& target, Method method, std::span<const LeftOutRun> runs);

/// Assumed standard deviation of log(measured / predicted) due to drift between runs, used if no run was repeated.
/// Source: four runs of one sweep on a shared virtual machine differed by 0.22 to 0.28 (root mean square) in times and
/// by 0.017 in memory.
double assumed_drift(const std::string& target);

}  // namespace inferbench
