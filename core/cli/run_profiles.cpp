// SPDX-License-Identifier: Apache-2.0
#include "cli/run_profiles.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "measure/machine_limits.hpp"
#include "report/chrome_trace.hpp"
#include "report/profile_table.hpp"
#include "run/limits.hpp"
#include "run/profile_sweep.hpp"
#include "support/output_file.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

// The size of the weights as reported by the contender's trials of this point; 0 if none succeeded.
std::uint64_t weights_bytes(const RunFolder& folder, const Contender& contender, const Point& point) {
  for (const TrialRecord& record : folder.trials()) {
    if (record.ok() && record.contender == contender.name && record.point == point) return record.load.weights_bytes;
  }
  return 0;
}

}  // namespace

void write_profiles(const SweepSetup& setup, const RunFolder& folder) {
  for (const Contender& contender : setup.experiment.contenders) {
    if (!contender.endpoint) continue;
    print_message("\n{}\n  no profile: a server does not tell where its time goes\n", contender.name);
  }
  std::optional<MachineLimits> limits = folder.info().machine;
  if (!limits) limits = measure_limits(setup.experiment, print_line);
  run_profiles(setup, [&](const PlannedTrial& trial, const TrialOutcome& outcome) {
    const Contender& contender = setup.experiment.contenders[static_cast<std::size_t>(trial.contender)];
    const Point& point = setup.experiment.points[static_cast<std::size_t>(trial.point)];
    const std::string title = fmt::format("{}: {}, {}", contender.name, point.model, workload_text(point));
    if (outcome.status != TrialStatus::kOk) {
      print_message("\n{}\n  no profile: {}\n", title, outcome.error);
      return;
    }
    const auto file = folder.path() / fmt::format("profile-p{}-c{}.json", trial.point, trial.contender);
    write_file(file, chrome_trace(outcome, title));
    const ThreadLimits* here = limits ? limits->find(point.threads) : nullptr;
    const MachineFloor floor =
        here == nullptr ? MachineFloor{}
                        : machine_floor(*here, precision_of(setup.plugins, contender.name, contender.precision),
                                        weights_bytes(folder, contender, point));
    print_message("\n{}\n{}  trace: {}\n", title, profile_table(profile_phases(outcome, point.threads, floor)),
                  file.string());
  });
}

}  // namespace inferbench
