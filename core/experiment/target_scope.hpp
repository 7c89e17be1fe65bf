// SPDX-License-Identifier: Apache-2.0
// The scope of targets and regression rules: contenders, models and values of the sweep's axes.
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/section.hpp"

namespace inferbench {

/// The names of a model in the file.
struct ModelWords {
  std::string reference;           ///< as in Point::model
  std::vector<std::string> words;  ///< the spelling in the file, and the short name
};

/// The parts of an experiment that a target may name. Borrows them.
struct TargetScope {
  const std::vector<Contender>& contenders;
  const std::vector<Point>& points;
  std::vector<ModelWords> models{};
  bool has_quality = true;       ///< the experiment measures it
  bool has_quality_text = true;  ///< on a text, so there is a perplexity
  /// Refuse targets that no point can have a value for. Not for the experiment of a run, which may be older than this.
  bool refuse_unmeasured = false;
};

/// Reads `model` and the axes of the sweep, if the map has them. Throws Error with the position for values that no
/// point has.
PointFilter read_filter(const Section& map, const TargetScope& scope);

/// Reads `contender`; empty if the map has none. Throws Error with the position for an unknown contender.
std::string read_contender_of(const Section& map, const TargetScope& scope);

}  // namespace inferbench
