// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_config.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// A contender at a point, with what one run measured there.
struct MeasuredConfiguration {
  std::string contender;  ///< as its experiment names it
  std::string precision;
  Point point;             ///< of one model the same reference in all runs, see measured_configurations
  std::string model_name;  ///< short, for tables
  std::uint64_t n_parameters = 0;
  std::optional<ModelConfig> shape;        ///< absent where run.json does not tell it
  std::size_t run = 0;                     ///< index of the run
  std::vector<const TrialRecord*> trials;  ///< at least one; in the runs' order

  /// Of the trials that have this metric; nullopt for none. Throws Error for an unknown metric.
  std::optional<double> median(std::string_view metric) const;
};

/// All configurations of the runs that have an ok trial, in the order of their first; warm-ups count for nothing. The
/// result borrows the runs' trials. A model is what it computes: in runs that keep it at different places it has the
/// first one's reference, and new weights at an old place have a reference of their own. Throws Error where two runs
/// mean different things by one contender's name.
std::vector<MeasuredConfiguration> measured_configurations(std::span<const RunData> runs);

}  // namespace inferbench
