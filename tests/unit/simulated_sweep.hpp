// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiment/experiment.hpp"
#include "measure/trial.hpp"
#include "results/paired_ratio.hpp"
#include "results/run_folder.hpp"
#include "run/trial_sweep.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

/// A machine with simulated trial times, so that the results of a sweep can be compared with the truth.
struct SimulatedMachine {
  explicit SimulatedMachine(std::uint64_t seed) : random(seed) {}

  std::mt19937_64 random;
  double noise = 0.005;                               ///< standard deviation of the logarithm of a trial's time
  double process_noise = 0;                           ///< likewise of a process's speed, which is constant for its
                                                      ///< lifetime
  double loaded_factor = 1.6;                         ///< slowdown while another program runs
  int loaded_from = std::numeric_limits<int>::max();  ///< number of trials before the other program starts
  int loaded_until = std::numeric_limits<int>::max();
  int trials = 0;                              ///< so far
  int loads = 0;                               ///< so far
  int repeated_prompts = 0;                    ///< sequences that the process had already run
  int room = std::numeric_limits<int>::max();  ///< contenders that fit into memory at the same time
  int loaded = 0;                              ///< now

  double slowdown() const { return trials >= loaded_from && trials < loaded_until ? loaded_factor : 1; }
  double lognormal(double sd) { return std::exp(std::normal_distribution<double>(0, sd)(random)); }
};

/// A contender that takes `factor` times as long as the baseline.
class SimulatedContender : public TrialRunner {
 public:
  SimulatedContender(SimulatedMachine& machine, double factor, int fails_after)
      : machine_(machine), factor_(factor), fails_after_(fails_after) {}

  LoadOutcome load(const LoadRequest&) override {
    ++machine_.loads;
    if (machine_.loaded >= machine_.room) {
      LoadOutcome outcome;
      outcome.status = TrialStatus::kOom;
      outcome.error = "as simulated";
      return outcome;
    }
    ++machine_.loaded;
    loaded_ = true;
    since_load_ = 0;
    seen_.clear();
    process_factor_ = machine_.lognormal(machine_.process_noise);
    LoadOutcome outcome;
    outcome.status = TrialStatus::kOk;
    return outcome;
  }

  TrialOutcome run(const TrialRequest& request) override {
    TrialOutcome outcome;
    outcome.trials_since_load = since_load_++;
    for (auto at = request.prompts.begin(); at != request.prompts.end(); at += request.prompt_tokens) {
      const bool is_new = seen_.emplace(at, at + request.prompt_tokens).second;
      machine_.repeated_prompts += is_new ? 0 : 1;
    }
    if (fails_after_-- <= 0) {
      outcome.status = TrialStatus::kCrashed;
      outcome.error = "as simulated";
      return outcome;
    }
    outcome.status = TrialStatus::kOk;
    outcome.interference.spin_ms = machine_.slowdown() * machine_.lognormal(0.002);
    TrialTimes times{1'000'000, {}};
    double at_ms = 1 + 20 * factor_ * process_factor_ * machine_.slowdown() * machine_.lognormal(machine_.noise);
    const double token_ms = 10 * factor_ * process_factor_ * machine_.slowdown() * machine_.lognormal(machine_.noise);
    for (std::int32_t i = 0; i < request.generate_tokens; ++i, at_ms += token_ms) {
      times.tokens.push_back(static_cast<std::uint64_t>(at_ms * 1e6));
    }
    outcome.metrics = derive_metrics(times, request.batch, request.prompt_tokens);
    ++machine_.trials;
    return outcome;
  }

  // It computes no logits that could be judged.
  WindowOutcome judge_window(const WindowRequest&) override { return {}; }
  MarginOutcome measure_margin(const MarginRequest&) override { return {}; }

  void unload() override {
    if (loaded_) --machine_.loaded;
    loaded_ = false;
  }
  bool loaded() const override { return loaded_; }

 private:
  SimulatedMachine& machine_;
  double factor_;
  double process_factor_ = 1;
  int fails_after_;
  bool loaded_ = false;
  std::int32_t since_load_ = 0;
  std::set<std::vector<std::int32_t>> seen_;  ///< prompts that this process has seen
};

/// Two contenders, "reference" and "other", at one or more points.
class SimulatedSweep : private SweepObserver {
 public:
  explicit SimulatedSweep(std::uint64_t seed, std::int32_t points = 1) : machine(seed) {
    // Every row is synced to disk, which costs nothing on a file system in memory.
    if (std::filesystem::exists("/dev/shm")) setenv("TMPDIR", "/dev/shm", 0);
    folder_ = std::make_unique<TemporaryFolder>();
    experiment.name = "simulated";
    experiment.contenders = {{"reference", "a", "fp32", {}}, {"other", "b", "fp32", {}}};
    experiment.baseline = "reference";
    experiment.models = {"synthetic:gpt2"};
    experiment.model_facts = {{"synthetic:gpt2", "synthetic:gpt2", {}, 1000}};
    experiment.model_facts.front().config.vocab_size = 100;
    for (std::int32_t i = 0; i < points; ++i) experiment.points.push_back({"synthetic:gpt2", 8 + i, 4, 1, 1});
    experiment.measure = {5, 1, 0, seed};
  }

  /// Runs or resumes until there are `most_trials` more rows. True if the plan is complete.
  bool run(int most_trials = std::numeric_limits<int>::max()) {
    RunFolder run = path_.empty() ? RunFolder::create(folder_->path(), info()) : RunFolder::resume(path_);
    path_ = run.path();
    const auto rows = [&] { return static_cast<int>(run.trials().size() + run.replaced().size()); };
    const int before = rows();
    const SweepSetup setup{experiment,
                           {{"reference", "", "a", "", "", ""}, {"other", "", "b", "", "", ""}},
                           [this, n = 0]() mutable -> std::unique_ptr<TrialRunner> {
                             const bool is_other = n++ % 2 == 1;
                             return std::make_unique<SimulatedContender>(machine, is_other ? other_factor : 1,
                                                                         is_other ? other_fails_after : kNever);
                           },
                           [&] { return rows() - before >= most_trials; },
                           *this,
                           [&] {
                             if (machine.loads >= replaced_after_loads) throw Error("a file was replaced");
                           }};
    const bool complete = run_sweep(setup, run);
    data_ = run.data();
    return complete;
  }

  const RunData& data() const { return data_; }
  const std::filesystem::path& path() const { return path_; }
  int blocks_added() const { return blocks_added_; }

  std::vector<const TrialRecord*> trials_of(const std::string& contender) const {
    std::vector<const TrialRecord*> found;
    for (const TrialRecord& trial : data_.trials) {
      if (trial.contender == contender) found.push_back(&trial);
    }
    return found;
  }

  SpeedRatio ratio(std::string_view metric = "decode_tokens_per_s") const {
    return paired_ratio(metric, trials_of("other"), trials_of("reference")).value();
  }

  /// Trials of the first point before this block, including warm-ups, if no block is repeated. A new process for a
  /// block runs one additional warm-up.
  static constexpr int trials_before_block(int block) { return block == 0 ? 2 : 4 * block; }

  SimulatedMachine machine;
  Experiment experiment;
  double other_factor = 1;
  static constexpr int kNever = std::numeric_limits<int>::max();
  int other_fails_after = kNever;  ///< number of trials, including warm-ups
  int replaced_after_loads = kNever;
  Shard shard;

 private:
  RunInfo info() const {
    RunInfo info = sample_info();
    info.name = experiment.name;
    info.baseline = experiment.baseline;
    info.contenders = experiment.contenders;
    info.points = experiment.points;
    info.shard = shard;
    info.planned_trials = make_plan(experiment, shard).size();
    return info;
  }

  void loading(const Contender&, const Point&) override {}
  void trial_begins(const PlannedTrial&) override {}
  void block_added(const std::vector<PlannedTrial>&) override { ++blocks_added_; }
  void trial_ended(const PlannedTrial&, const TrialRecord&) override {}

  std::unique_ptr<TemporaryFolder> folder_;
  std::filesystem::path path_;
  RunData data_;
  int blocks_added_ = 0;
};

}  // namespace inferbench::test
