// SPDX-License-Identifier: Apache-2.0
#include "run/profile_sweep.hpp"

#include <string>
#include <utility>

#include "run/make_requests.hpp"

namespace inferbench {

namespace {

class ProfileSweep {
 public:
  explicit ProfileSweep(const SweepSetup& setup)
      : setup_(setup), prompts_(setup.experiment), runner_(setup.make_runner()) {}

  TrialOutcome run(const PlannedTrial& trial) {
    const Point& point = setup_.experiment.points[static_cast<std::size_t>(trial.point)];
    if (!runner_->loaded() || point.model != model_ || point.threads != threads_) {
      const LoadOutcome load = load_for(trial, point);
      if (load.status != TrialStatus::kOk) return failure(load.status, "loading: " + load.error);
    }
    const std::uint64_t first = warm_up_stream(setup_.experiment, trial);
    const TrialOutcome warm_up = runner_->run(make_trial_request(setup_.experiment, trial.point, first, prompts_));
    if (warm_up.status != TrialStatus::kOk) return failure(warm_up.status, warm_up.error);
    TrialRequest request = make_trial_request(setup_.experiment, trial.point, trial.prompt_stream, prompts_);
    request.profile = true;
    return runner_->run(request);
  }

  void unload() { runner_->unload(); }

 private:
  LoadOutcome load_for(const PlannedTrial& trial, const Point& point) {
    const auto index = static_cast<std::size_t>(trial.contender);
    const Contender& contender = setup_.experiment.contenders[index];
    setup_.observer.loading(contender, point);
    model_ = point.model;
    threads_ = point.threads;
    return load_checked(setup_, *runner_,
                        make_load_request(setup_.experiment, contender, setup_.plugins[index], point));
  }

  static TrialOutcome failure(TrialStatus status, std::string error) {
    TrialOutcome outcome;
    outcome.status = status;
    outcome.error = std::move(error);
    return outcome;
  }

  const SweepSetup& setup_;
  PromptSource prompts_;
  std::unique_ptr<TrialRunner> runner_;
  std::string model_;
  std::int32_t threads_ = 0;
};

}  // namespace

bool run_profiles(const SweepSetup& setup, const ProfileSink& sink) {
  ProfileSweep sweep(setup);
  const auto contenders = static_cast<std::int32_t>(setup.experiment.contenders.size());
  const std::vector<PlannedTrial> plan = make_plan(setup.experiment);
  for (std::int32_t contender = 0; contender < contenders; ++contender) {
    sweep.unload();
    for (const PlannedTrial& trial : plan) {
      if (trial.contender != contender || trial.block != 0) continue;
      // The calls of a scenario are too many to record, and each is like those of a batch.
      if (!setup.experiment.points[static_cast<std::size_t>(trial.point)].scenario.empty()) continue;
      if (setup.stop_requested && setup.stop_requested()) return false;
      sink(trial, sweep.run(trial));
    }
  }
  return true;
}

}  // namespace inferbench
