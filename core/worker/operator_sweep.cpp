// SPDX-License-Identifier: Apache-2.0
#include "worker/operator_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "experiment/plan.hpp"
#include "ops/operator_inputs.hpp"
#include "results/operator_attempts.hpp"

namespace inferbench {

namespace {

/// One point: all contenders with their workers.
class PointSweep {
 public:
  PointSweep(const OperatorSweepSetup& setup, std::int32_t index, double& fastest_spin_ms,
             std::shared_ptr<TeardownPatience> patience)
      : setup_(setup),
        patience_(std::move(patience)),
        experiment_(setup.experiment),
        index_(index),
        point_(experiment_.points[static_cast<std::size_t>(index)]),
        fastest_spin_ms_(fastest_spin_ms) {}

  /// False where it was told to stop.
  bool run(OperatorResult& result) {
    result.point = point_;
    const OperatorInputs inputs(point_.spec, experiment_.measure.seed);
    const conformance::Values reference = inputs.reference();
    for (std::size_t i = 0; i < experiment_.contenders.size(); ++i) {
      if (stopped()) return false;
      runners_.push_back(std::make_unique<ProcessRunner>(setup_.worker, patience_));
      result.rows.push_back(prepare(i, reference));
    }
    for (std::int32_t block = 0; block < experiment_.measure.blocks; ++block) {
      if (!run_block(result.rows, block)) return false;
    }
    for (std::size_t i = 0; i < runners_.size(); ++i) {
      runners_[i]->unload();
      result.rows[i].teardown_fault = runners_[i]->take_teardown_fault();
    }
    return true;
  }

 private:
  bool stopped() const { return setup_.stop_requested && setup_.stop_requested(); }

  OperatorRow prepare(std::size_t index, const conformance::Values& reference) {
    const Contender& contender = experiment_.contenders[index];
    OperatorRow row;
    row.contender = contender.name;
    row.precision = contender.precision;
    row.backend = contender.plugin;
    row.tolerance = operator_tolerance(contender.precision);
    OperatorRequest request;
    request.contender = contender.name;
    request.plugin = setup_.plugins[index];
    request.precision = contender.precision;
    request.options = contender.options;
    request.threads = point_.threads;
    request.spec = point_.spec;
    request.seed = experiment_.measure.seed;
    request.cache = experiment_.measure.cache;
    request.timeout_s = experiment_.limits.timeout_s;
    request.memory_bytes = experiment_.limits.memory_bytes;
    if (setup_.check_files) setup_.check_files();
    const OperatorPrepared prepared = runners_[index]->prepare(request);
    if (setup_.check_files) setup_.check_files();
    row.status = prepared.status;
    row.error = prepared.error;
    row.stderr_tail = prepared.stderr_tail;
    row.kernels = prepared.kernels;
    row.weights_bytes = prepared.weights_bytes;
    row.kv_bytes = prepared.kv_bytes;
    row.n_copies = prepared.n_copies;
    if (row.ok()) judge(row, prepared.output, reference);
    if (!row.ok()) runners_[index]->unload();
    return row;
  }

  static void judge(OperatorRow& row, const std::vector<float>& output, const conformance::Values& reference) {
    if (output.size() != reference.size()) {
      row.status = TrialStatus::kWrongOutput;
      row.error = fmt::format("{} values instead of {}", output.size(), reference.size());
      return;
    }
    row.distance = operator_error(output, reference);
    if (!row.tolerance) return;
    if (row.distance->max <= row.tolerance->max && row.distance->rms <= row.tolerance->rms) return;
    row.status = TrialStatus::kWrongOutput;
    row.error = fmt::format(
        "a value is off by {:.2g} root mean squares, all together by {:.2g}; {} may be off by {:.2g} and {:.2g}",
        row.distance->max, row.distance->rms, row.precision, row.tolerance->max, row.tolerance->rms);
  }

  // All of a block again where one of its samples was disturbed, as in a sweep of models.
  bool run_block(std::vector<OperatorRow>& rows, std::int32_t block) {
    const auto n = static_cast<std::int32_t>(rows.size());
    OperatorAttempts attempts(rows.size());
    for (std::int32_t attempt = 0; attempt <= experiment_.measure.repeat_disturbed; ++attempt) {
      bool disturbed = false;
      for (const std::int32_t i : block_order(n, experiment_.measure.seed, index_, block)) {
        if (stopped()) return false;
        const auto index = static_cast<std::size_t>(i);
        if (!rows[index].ok()) continue;
        const OperatorTime time = sample(rows[index], index, block, attempt);
        if (!rows[index].ok()) continue;
        disturbed = disturbed || !time.disturbed_by.empty();
        attempts[index].push_back(time);
      }
      if (!disturbed) break;
    }
    add_attempts(attempts, rows);
    return true;
  }

  OperatorTime sample(OperatorRow& row, std::size_t index, std::int32_t block, std::int32_t attempt) {
    OperatorSampleRequest request;
    request.seconds = experiment_.measure.sample_ms * 1e-3;
    request.timeout_s = experiment_.limits.timeout_s;
    const OperatorSample sample = runners_[index]->sample(request);
    OperatorTime time{block, attempt, sample.runs, sample.run_s, {}};
    row.status = sample.status;
    row.error = sample.error;
    row.stderr_tail = sample.stderr_tail;
    if (row.ok() && row.tolerance && !(sample.change <= row.tolerance->max)) {
      row.status = TrialStatus::kWrongOutput;
      row.error = fmt::format("a later run's result differs from the first by {:.2g} root mean squares", sample.change);
    }
    if (!row.ok()) {
      runners_[index]->unload();
      return time;
    }
    const double spin = sample.interference.spin_ms;
    const TrialExtent extent{sample.run_s * static_cast<double>(sample.runs), point_.threads, fastest_spin_ms_};
    time.disturbed_by = find_disturbance(sample.interference, sample.used, extent);
    if (spin > 0 && (fastest_spin_ms_ <= 0 || spin < fastest_spin_ms_)) fastest_spin_ms_ = spin;
    return time;
  }

  const OperatorSweepSetup& setup_;
  std::shared_ptr<TeardownPatience> patience_;
  const OperatorExperiment& experiment_;
  std::int32_t index_;
  const OperatorPoint& point_;
  double& fastest_spin_ms_;
  std::vector<std::unique_ptr<ProcessRunner>> runners_;
};

}  // namespace

void run_operators(const OperatorSweepSetup& setup, std::vector<OperatorResult>& results) {
  double fastest_spin_ms = 0;
  const auto patience = std::make_shared<TeardownPatience>();
  const auto n = static_cast<std::int32_t>(setup.experiment.points.size());
  for (std::int32_t i = 0; i < n; ++i) {
    const OperatorPoint& point = setup.experiment.points[static_cast<std::size_t>(i)];
    if (setup.progress) {
      setup.progress(fmt::format("[{}/{}] {} {}", i + 1, n, operator_name(point.spec.op), shape_text(point.spec)));
    }
    OperatorResult result;
    if (!PointSweep(setup, i, fastest_spin_ms, patience).run(result)) break;
    results.push_back(std::move(result));
  }
}

}  // namespace inferbench
