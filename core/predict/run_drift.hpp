// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "predict/held_out.hpp"
#include "predict/samples.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// One run taken apart from the others: what it measured of configurations that other runs on the same machine
/// measured, too, and what all other runs teach.
struct LeftOutRun {
  std::vector<Sample> own;
  std::vector<Sample> others;
};

/// One for each run that repeats configurations of another run on its machine; none where no run does. `limits` as for
/// collect_samples.
std::vector<LeftOutRun> leave_runs_out(std::span<const RunData> runs, std::span<const MachineLimits* const> limits);

/// How far a run's own measurements are from what a model says that saw neither this run nor, in any other, the
/// configuration: by validation_schemes. So these errors hold what changes between one run and another, as well.
std::vector<HeldOut> predict_left_out_runs(const std::string& target, Method method, std::span<const LeftOutRun> runs);

/// Standard deviation of log(measured / predicted) that a run adds to the error inside of another, where nothing was
/// repeated to learn it from. Four runs of one sweep on a shared virtual machine differed by 0.22 to 0.28 in times,
/// root mean square, and by 0.017 in memory.
double assumed_drift(const std::string& target);

}  // namespace inferbench
