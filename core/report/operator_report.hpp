// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "ops/operator_cost.hpp"
#include "results/operator_result.hpp"
#include "stats/ratio.hpp"
#include "stats/summary.hpp"

namespace inferbench {

/// Statistics of a contender's samples at a point.
struct OperatorFigures {
  Summary run_s;              ///< seconds per run, over the blocks
  double bytes_per_s = 0;     ///< weights, keys and values, at the median; 0 if it reads none
  double flops_per_s = 0;     ///< at the median
  OperatorLimit limit;        ///< zeros if the machine's limits were not measured
  std::size_t disturbed = 0;  ///< samples that were disturbed
  /// Relative to the baseline, from the blocks in which both have a sample; absent for the baseline itself.
  std::optional<SpeedRatio> speed;

  /// Share of the limit; absent if no limit is known.
  std::optional<double> share() const {
    return limit.seconds > 0 ? std::optional<double>(limit.seconds / run_s.median) : std::nullopt;
  }
};

/// nullopt for a contender that is not ok or has no samples.
std::optional<OperatorFigures> operator_figures(const OperatorResults& results, const OperatorResult& point,
                                                const OperatorRow& row);

/// A table per operator and shape with one row per contender, then the failures in full and notes. At most 100 columns.
std::string operator_table(const OperatorResults& results, bool colour);

/// All results, including samples, as JSON that ends with a newline.
std::string operator_json(const OperatorResults& results);

}  // namespace inferbench
