// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiment/operator_experiment.hpp"
#include "measure/machine_limits.hpp"
#include "ops/operator_error.hpp"
#include "ops/operator_outcome.hpp"

namespace inferbench {

/// One sample of a contender, in a block of a point.
struct OperatorTime {
  std::int32_t block = 0;
  std::int32_t attempt = 0;  ///< above 0: the block was repeated
  std::int64_t runs = 0;
  double run_s = 0;          ///< seconds per run
  std::string disturbed_by;  ///< empty: undisturbed
};

/// One contender at one point. Every planned combination has exactly one row. `ok`: the result was correct, and every
/// block has a time.
struct OperatorRow : Ending {
  std::string contender;
  std::string backend;
  std::string precision;
  std::string kernels;
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::int32_t n_copies = 1;
  std::int32_t weight_bits = 32;           ///< of the precision, as the backend says
  bool integer_products = false;           ///< linear layers multiply integers, as the backend says
  std::optional<OperatorError> distance;   ///< of its result from float64; absent if there was no result
  std::optional<OperatorError> tolerance;  ///< for distance
  std::string teardown_fault;              ///< error when it was shut down, after everything else; empty: none
  std::vector<OperatorTime> times;         ///< the attempt that counts of each block, blocks ascending
  std::vector<OperatorTime> replaced;      ///< the other attempts

  /// True if something went wrong. An operator that the backend does not support is not a failure.
  bool failed() const { return !ok() && status != TrialStatus::kUnsupported; }
};

struct OperatorResult {
  OperatorPoint point;
  std::vector<OperatorRow> rows;  ///< in the experiment's order of contenders
};

/// All results of an operator run.
struct OperatorResults {
  OperatorExperiment experiment;
  std::optional<MachineLimits> machine;
  std::vector<OperatorResult> points;
};

}  // namespace inferbench
