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
  std::int32_t attempt = 0;  ///< above 0: the block was run again
  std::int64_t runs = 0;
  double run_s = 0;          ///< of one run
  std::string disturbed_by;  ///< empty: nothing spoke against it
};

/// One contender at one point. Every planned one gets exactly one. `ok`: the result was right, and every block has a
/// time.
struct OperatorRow : Ending {
  std::string contender;
  std::string backend;
  std::string precision;
  std::string kernels;
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::int32_t n_copies = 1;
  std::optional<OperatorError> distance;   ///< of its result to float64; absent where there was none
  std::optional<OperatorError> tolerance;  ///< for distance
  std::string teardown_fault;          ///< what went wrong when it was taken down, after all of this; empty: nothing
  std::vector<OperatorTime> times;     ///< of each block the attempt that counts, blocks ascending
  std::vector<OperatorTime> replaced;  ///< the other attempts

  /// Something went wrong; that a backend does not have an operator has not.
  bool failed() const { return !ok() && status != TrialStatus::kUnsupported; }
};

struct OperatorResult {
  OperatorPoint point;
  std::vector<OperatorRow> rows;  ///< in the experiment's order of contenders
};

/// All that a run of operators found out.
struct OperatorResults {
  OperatorExperiment experiment;
  std::optional<MachineLimits> machine;
  std::vector<OperatorResult> points;
};

}  // namespace inferbench
