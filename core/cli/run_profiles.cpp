// SPDX-License-Identifier: Apache-2.0
#include "cli/run_profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>

#include "cli/common_options.hpp"
#include "measure/machine_limits.hpp"
#include "report/chrome_trace.hpp"
#include "report/profile_table.hpp"
#include "worker/profile_sweep.hpp"

namespace inferbench {

namespace {

// Points with more threads than CPUs have no limit that could be measured, and so no floor.
MachineLimits measure_limits(const Experiment& experiment) {
  const std::int32_t cpus = usable_cpus();
  std::set<std::int32_t> threads;
  for (const Point& point : experiment.points) {
    if (point.threads <= cpus) threads.insert(point.threads);
  }
  if (threads.empty()) return {};
  fmt::print(stderr, "measuring the machine's limits\n");
  MachineOptions options;
  options.thread_counts.assign(threads.begin(), threads.end());
  options.quick = true;
  return measure_machine(options);
}

// What the contender's trials of this point said of its weights; 0 where none succeeded.
std::uint64_t weights_bytes(const RunFolder& folder, const Contender& contender, const Point& point) {
  for (const TrialRecord& record : folder.trials()) {
    if (record.ok() && record.contender == contender.name && record.point == point) return record.load.weights_bytes;
  }
  return 0;
}

}  // namespace

void write_profiles(const SweepSetup& setup, const RunFolder& folder) {
  const MachineLimits limits = measure_limits(setup.experiment);
  run_profiles(setup, [&](const PlannedTrial& trial, const TrialOutcome& outcome) {
    const Contender& contender = setup.experiment.contenders[static_cast<std::size_t>(trial.contender)];
    const Point& point = setup.experiment.points[static_cast<std::size_t>(trial.point)];
    const std::string title =
        fmt::format("{}: {}, prompt {}, generate {}, batch {}, threads {}", contender.name, point.model,
                    point.prompt_tokens, point.generate_tokens, point.batch, point.threads);
    if (outcome.status != TrialStatus::kOk) {
      fmt::print(stderr, "\n{}\n  no profile: {}\n", title, outcome.error);
      return;
    }
    const auto file = folder.path() / fmt::format("profile-p{}-c{}.json", trial.point, trial.contender);
    write_file_atomically(file, chrome_trace(outcome, title));
    const ThreadLimits* here = limits.find(point.threads);
    const MachineFloor floor = here == nullptr
                                   ? MachineFloor{}
                                   : machine_floor(*here, contender.precision, weights_bytes(folder, contender, point));
    fmt::print(stderr, "\n{}\n{}  trace: {}\n", title, profile_table(profile_phases(outcome, point.threads, floor)),
               file.string());
  });
}

}  // namespace inferbench
