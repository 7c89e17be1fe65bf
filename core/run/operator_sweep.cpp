// SPDX-License-Identifier: Apache-2.0
#include "run/operator_sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "experiment/plan.hpp"
#include "ops/operator_inputs.hpp"
#include "results/operator_attempts.hpp"
#include "run/blocks.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

/// One point: all contenders, each with its worker.
class PointSweep : private BlockedPoint {
 public:
  PointSweep(const OperatorSweepSetup& setup, std::int32_t index, double& fastest_spin_ms,
             std::shared_ptr<TeardownPatience> patience)
      : setup_(setup),
        patience_(std::move(patience)),
        experiment_(setup.experiment),
        index_(index),
        point_(experiment_.points[static_cast<std::size_t>(index)]),
        fastest_spin_ms_(fastest_spin_ms) {}

  /// Returns false if the user asked to stop.
  bool run(OperatorResult& result) {
    result.point = point_;
    const OperatorInputs inputs(point_.spec, experiment_.measure.seed);
    const reference::Values reference = inputs.reference();
    for (std::size_t i = 0; i < experiment_.contenders.size(); ++i) {
      if (stopped()) return false;
      runners_.push_back(std::make_unique<ProcessRunner>(setup_.worker, patience_));
      result.rows.push_back(prepare(i, reference));
    }
    rows_ = &result.rows;
    if (!run_blocks(*this, experiment_.measure.repeat_disturbed)) return false;
    for (std::size_t i = 0; i < runners_.size(); ++i) {
      runners_[i]->unload();
      result.rows[i].teardown_fault = runners_[i]->take_teardown_fault();
    }
    return true;
  }

 private:
  bool stopped() const { return setup_.stop_requested && setup_.stop_requested(); }

  OperatorRow prepare(std::size_t index, const reference::Values& reference) {
    const Contender& contender = experiment_.contenders[index];
    OperatorRow row;
    row.contender = contender.name;
    row.precision = contender.precision;
    row.backend = contender.plugin;
    OperatorRequest request;
    request.contender = contender.name;
    request.plugin = setup_.plugins[index];
    request.precision = contender.precision;
    request.options = contender.options;
    request.device = contender.device;
    if (const DeviceLimits* limits = setup_.machine ? setup_.machine->find(contender.device) : nullptr) {
      request.device_cache_bytes = limits->cache_bytes;
    }
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
    row.weight_bits = prepared.weight_bits;
    row.integer_products = prepared.integer_products;
    row.tolerance = operator_tolerance(prepared.weight_bits, has_gated_mlp(point_.spec));
    if (row.ok()) judge(row, prepared.output, reference);
    if (!row.ok()) runners_[index]->unload();
    return row;
  }

  static void judge(OperatorRow& row, const std::vector<float>& output, const reference::Values& reference) {
    if (output.size() != reference.size()) {
      row.status = TrialStatus::kWrongOutput;
      row.error = fmt::format("{} instead of {}", counted(output.size(), "value"), reference.size());
      return;
    }
    row.distance = operator_error(output, reference);
    if (!row.tolerance) return;
    if (row.distance->max <= row.tolerance->max && row.distance->rms <= row.tolerance->rms) return;
    row.status = TrialStatus::kWrongOutput;
    row.error = fmt::format(
        "largest error {:.2g}, overall {:.2g}, in root mean squares of the output; {} allows {:.2g}, {:.2g}",
        row.distance->max, row.distance->rms, row.precision, row.tolerance->max, row.tolerance->rms);
  }

  bool wants_block(std::int32_t block) override { return block < experiment_.measure.blocks; }

  std::size_t begin_block(std::int32_t block) override {
    block_ = block;
    order_ = block_order(static_cast<std::int32_t>(rows_->size()), experiment_.measure.seed, index_, block);
    attempts_.assign(rows_->size(), {});
    return order_.size();
  }

  void end_block(std::int32_t /*block*/) override { add_attempts(attempts_, *rows_); }

  bool prepare(std::int32_t /*attempt*/) override {
    disturbed_ = false;
    return true;
  }

  bool due(std::size_t item, std::int32_t /*attempt*/) const override { return (*rows_)[contender_at(item)].ok(); }

  bool measure(std::size_t item, std::int32_t attempt) override {
    if (stopped()) return false;
    const std::size_t contender = contender_at(item);
    OperatorRow& row = (*rows_)[contender];
    const OperatorTime time = sample(row, contender, block_, attempt);
    if (!row.ok()) return true;
    disturbed_ = disturbed_ || !time.disturbed_by.empty();
    attempts_[contender].push_back(time);
    return true;
  }

  bool disturbed() const override { return disturbed_; }

  std::size_t contender_at(std::size_t item) const { return static_cast<std::size_t>(order_[item]); }

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
      row.error = fmt::format("a later run's result differs from the first by {:.2g} of the output's root mean square",
                              sample.change);
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
  std::vector<OperatorRow>* rows_ = nullptr;  ///< one per contender
  std::int32_t block_ = 0;                    ///< the current block
  std::vector<std::int32_t> order_;           ///< contenders, in the order of the current block
  OperatorAttempts attempts_;                 ///< of the current block, by contender
  bool disturbed_ = false;                    ///< a sample of the current attempt was disturbed
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
