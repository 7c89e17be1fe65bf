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

/// What a contender's samples at a point say.
struct OperatorFigures {
  Summary run_s;              ///< seconds of a run, over the blocks
  double bytes_per_s = 0;     ///< weights, keys and values, at the median; 0 where it reads none
  double flops_per_s = 0;     ///< at the median
  OperatorLimit limit;        ///< zeros where the machine's limits were not measured
  std::size_t disturbed = 0;  ///< samples that something speaks against
  /// To the baseline, from the blocks in which both have a sample; absent for the baseline itself.
  std::optional<SpeedRatio> speed;

  /// Of the limit; absent where none is known.
  std::optional<double> share() const {
    return limit.seconds > 0 ? std::optional<double>(limit.seconds / run_s.median) : std::nullopt;
  }
};

/// nullopt for a contender that is not ok, and so has no figures.
std::optional<OperatorFigures> operator_figures(const OperatorResults& results, const OperatorResult& point,
                                                const OperatorRow& row);

/// A table for each operator at a shape, the contenders below each other; at most 100 columns. Then what failed, whole.
std::string operator_table(const OperatorResults& results, bool colour);

/// All of it, samples too, as JSON that ends in a newline.
std::string operator_json(const OperatorResults& results);

}  // namespace inferbench
