// SPDX-License-Identifier: Apache-2.0
#include "run/trial_sweep.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "measure/clock.hpp"
#include "measure/interference.hpp"
#include "results/limit_share.hpp"
#include "results/node_name.hpp"
#include "results/utc_time.hpp"
#include "run/blocks.hpp"
#include "run/contender_pool.hpp"
#include "run/endpoint_runner.hpp"
#include "run/enough_blocks.hpp"
#include "run/output_check.hpp"
#include "run/prompt_source.hpp"
#include "support/shortage.hpp"

namespace inferbench {

namespace {

class TrialSweep : private BlockedPoint {
 public:
  TrialSweep(const SweepSetup& setup, RunFolder& folder)
      : setup_(setup),
        experiment_(setup.experiment),
        folder_(folder),
        pool_(setup, [this](std::size_t contender, const std::string& fault) { note_fault(contender, fault); }),
        prompts_(experiment_),
        outputs_(experiment_, setup.plugins, prompts_, folder.quality(),
                 [this](const MarginRequest& request) { return pool_.ask_baseline(request); }) {
    for (const auto* written : {&folder_.replaced(), &folder_.trials()}) {
      for (const TrialRecord& record : *written) {
        note(record);
        outputs_.remember(record);
      }
    }
  }

  bool run() {
    bool complete = false;
    try {
      complete = run_points();
    } catch (...) {             // a shortage, a replaced file
      write(outputs_.flush());  // rows that waited for the baseline
      throw;
    }
    write(outputs_.flush());
    pool_.forget_models();  // teardown faults are part of the run
    return complete;
  }

 private:
  struct Row {
    std::int32_t attempt = 0;
    bool ok = false;
    bool disturbed = false;
    std::string node;
  };

  struct NewRow {
    TrialRecord record;
    std::optional<WarmUp> warm_up;
  };

  bool run_points() {
    for (const std::int32_t point : plan_points(experiment_, folder_.info().shard)) {
      for (const PlannedTrial& trial : plan_warmups(experiment_, point)) {
        if (!rows_.contains(trial.id()) && !run_one(trial, 0)) return false;
      }
      point_ = point;
      if (!run_blocks(*this, experiment_.measure.repeat_disturbed)) return false;
    }
    return true;
  }

  void write(const std::vector<EndedTrial>& rows) {
    for (const EndedTrial& ended : rows) {
      folder_.append(ended.record);
      note(ended.record);
      setup_.observer.trial_ended(ended.trial, ended.record);
    }
  }

  void note_fault(std::size_t contender, const std::string& fault) {
    folder_.append(TeardownRecord{experiment_.contenders[contender].name, fault, 1});
    setup_.observer.ended_badly(experiment_.contenders[contender], fault);
  }

  void note(const TrialRecord& record) {
    Row& row = rows_[record.id];  // rows may come in any order of attempts
    if (record.attempt >= row.attempt) row = {record.attempt, record.ok(), record.disturbed(), record.node};
    const double spin = record.outcome.interference.spin_ms;
    if (record.node != node_) return;  // another machine spins at another speed
    if (spin > 0 && (fastest_spin_ms_ <= 0 || spin < fastest_spin_ms_)) fastest_spin_ms_ = spin;
    if (record.outcome.device_use) {
      double& fastest = fastest_mhz_[record.load.device];
      fastest = std::max(fastest, record.outcome.device_use->clock_mhz.value_or(0));
    }
  }

  std::vector<const TrialRecord*> trials_at(std::int32_t point) const {
    std::vector<const TrialRecord*> found;
    for (const TrialRecord& record : folder_.trials()) {
      if (record.point == experiment_.points[static_cast<std::size_t>(point)]) found.push_back(&record);
    }
    return found;
  }

  bool wants_block(std::int32_t block) override { return !enough_blocks(experiment_, trials_at(point_), block); }

  std::size_t begin_block(std::int32_t block) override {
    block_ = plan_block(experiment_, point_, block);
    if (block >= experiment_.measure.blocks && !begun(0)) setup_.observer.block_added(block_);
    pool_.begin_block();
    return block_.size();
  }

  bool due(std::size_t item, std::int32_t attempt) const override {
    const auto row = rows_.find(block_[item].id());
    return row == rows_.end() || (row->second.attempt < attempt && row->second.ok);
  }

  // Loads everything first, so that the trials of a pair run close together, with no load between them.
  bool prepare(std::int32_t attempt) override {
    for (std::size_t item = 0; item < block_.size(); ++item) {
      if (!due(item, attempt)) continue;
      if (stopped()) return false;
      pool_.enter(experiment_.points[static_cast<std::size_t>(point_)]);
      pool_.load(block_[item], true);
    }
    return true;
  }

  bool measure(std::size_t item, std::int32_t attempt) override { return run_one(block_[item], attempt); }

  bool begun(std::int32_t attempt) const override {
    return std::any_of(block_.begin(), block_.end(), [&](const PlannedTrial& trial) {
      const auto row = rows_.find(trial.id());
      return row != rows_.end() && row->second.attempt >= attempt;
    });
  }

  bool disturbed() const override {
    return std::any_of(block_.begin(), block_.end(), [&](const PlannedTrial& trial) {
      const auto row = rows_.find(trial.id());
      return row != rows_.end() && row->second.disturbed;
    });
  }

  bool stopped() const { return setup_.stop_requested && setup_.stop_requested(); }

  // Returns false if the user asked to stop before it.
  bool run_one(const PlannedTrial& trial, std::int32_t attempt) {
    if (stopped()) return false;
    pool_.enter(experiment_.points[static_cast<std::size_t>(trial.point)]);
    cool_down();
    if (stopped()) return false;
    pool_.load(trial, false);
    setup_.observer.trial_begins(trial);
    NewRow row = make_row(trial, attempt);
    note(row.record);  // now, since writing the row may have to wait for the baseline's
    write(outputs_.add(trial, std::move(row.record), row.warm_up));
    return true;
  }

  void cool_down() const {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(experiment_.measure.cooldown_s * 1e9);
    while (now_ns() < end && !stopped()) {
      const std::uint64_t left = end - std::min(end, now_ns());
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<std::uint64_t>(left, 100'000'000)));
    }
  }

  NewRow make_row(const PlannedTrial& trial, std::int32_t attempt) {
    const auto index = static_cast<std::size_t>(trial.contender);
    const Contender& contender = experiment_.contenders[index];
    TrialRecord record;
    record.id = trial.id();
    record.contender = contender.name;
    record.backend = setup_.plugins[index].name;
    record.precision = contender.precision;
    record.point = experiment_.points[static_cast<std::size_t>(trial.point)];
    record.block = trial.block;
    record.repeat = trial.repeat;
    record.attempt = attempt;
    record.prompt_stream = attempt_stream(experiment_, trial, attempt);
    record.node = node_;
    record.started = utc_now();
    const std::uint64_t begin = now_ns();
    PooledTrial done = pool_.run(trial, record.prompt_stream);
    record.outcome = std::move(done.outcome);
    record.duration_s = elapsed_ms(begin, now_ns()) * 1e-3 + pool_.claim_load_seconds(trial.contender);
    record.load = pool_.load_of(trial.contender);
    judge_row(record);
    return {std::move(record), std::move(done.warm_up)};
  }

  void judge_row(TrialRecord& record) const {
    if (!record.ok() || !record.outcome.measured()) return;
    const TrialExtent extent{record.outcome.wall_s(), record.point.threads, fastest_spin_ms_};
    record.disturbed_by =
        find_disturbance(record.outcome.interference, record.outcome.used.value_or(ResourceUse{}), extent);
    if (record.outcome.device_use) {
      const auto fastest = fastest_mhz_.find(record.load.device);
      const std::string on_device = find_device_disturbance(*record.outcome.device_use, extent.wall_s,
                                                            fastest == fastest_mhz_.end() ? 0 : fastest->second);
      if (!on_device.empty()) record.disturbed_by += (record.disturbed_by.empty() ? "" : ", ") + on_device;
    }
    const bool server = record.outcome.serving && record.outcome.serving->endpoint;
    if (server) {
      const std::string late = find_client_lag(*record.outcome.serving->endpoint);
      if (!late.empty()) record.disturbed_by += (record.disturbed_by.empty() ? "" : ", ") + late;
    }
    note_other_node(record);
    if (server || !folder_.info().machine || !limits_are_ours_) return;  // a server's machine is unknown
    for (const ModelFacts& facts : experiment_.model_facts) {
      if (facts.reference != record.point.model) continue;
      set_limit_shares(record, facts.config, *folder_.info().machine,
                       precision_of(setup_.plugins, record.contender, record.precision), device_of(record.contender));
    }
  }

  std::string device_of(const std::string& name) const {
    const auto found = std::find_if(experiment_.contenders.begin(), experiment_.contenders.end(),
                                    [&](const Contender& contender) { return contender.name == name; });
    return found == experiment_.contenders.end() ? std::string() : found->device;
  }

  // A run that is continued on another node may find half a block. Its trials are not pairs, so the block is repeated.
  void note_other_node(TrialRecord& record) const {
    if (record.warm_up()) return;
    for (const PlannedTrial& trial : block_) {
      const auto row = rows_.find(trial.id());
      if (row == rows_.end() || row->second.attempt != record.attempt || row->second.node == node_) continue;
      const std::string began = fmt::format("the block began on the node {}", row->second.node);
      record.disturbed_by = record.disturbed() ? began + ", " + record.disturbed_by : began;
      return;
    }
  }

  const SweepSetup& setup_;
  const Experiment& experiment_;
  RunFolder& folder_;
  ContenderPool pool_;
  PromptSource prompts_;
  OutputCheck outputs_;
  std::map<std::string, Row> rows_;  ///< by id, the latest attempt
  const std::string node_ = node_name();
  const bool limits_are_ours_ = node_of(folder_.info().environment) == node_;  ///< not if another node began the run
  double fastest_spin_ms_ = 0;                                                 ///< of all rows of this node; 0: none
  std::map<std::string, double> fastest_mhz_;                                  ///< of all rows of this node, by device
  std::int32_t point_ = 0;           ///< index of the current point in experiment_.points
  std::vector<PlannedTrial> block_;  ///< the current block of that point, in its order
};

}  // namespace

bool run_sweep(const SweepSetup& setup, RunFolder& folder) {
  return TrialSweep(setup, folder).run();
}

}  // namespace inferbench
