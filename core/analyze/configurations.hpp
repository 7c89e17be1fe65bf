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
#include "support/precision.hpp"

namespace inferbench {

/// A contender at a point, with the results of one run.
struct MeasuredConfiguration {
  std::string contender;  ///< as its experiment names it
  std::string precision;
  std::optional<PrecisionMeaning> meaning;  ///< of the precision; nullopt if unknown
  Point point;                              ///< a model has the same reference in all runs, see measured_configurations
  std::string model_name;                   ///< short, for tables
  std::uint64_t n_parameters = 0;
  std::optional<ModelConfig> shape;        ///< absent if run.json does not have it
  std::size_t run = 0;                     ///< index of the run
  std::vector<const TrialRecord*> trials;  ///< at least one; in the order of the run

  /// Median over the trials that have this metric; nullopt for none. Throws Error for an unknown metric.
  std::optional<double> median(std::string_view metric) const;
};

/// All configurations of the runs with at least one ok trial, in order of first appearance, without warm-ups. The
/// result borrows the runs' trials. Models are identified by what they compute: a model kept at different places has
/// its first reference, and new weights at an old place have a reference of their own. Throws Error if one contender
/// name means different things in two runs.
std::vector<MeasuredConfiguration> measured_configurations(std::span<const RunData> runs);

}  // namespace inferbench
