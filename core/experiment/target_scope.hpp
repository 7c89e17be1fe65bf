// SPDX-License-Identifier: Apache-2.0
// What targets and regression rules may be for: contenders, models and values of the sweep's axes.
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/section.hpp"

namespace inferbench {

/// How a model may be named.
struct ModelWords {
  std::string reference;           ///< as in Point::model
  std::vector<std::string> words;  ///< as the file has it, its short name
};

/// What an experiment has that may be named. Borrows.
struct TargetScope {
  const std::vector<Contender>& contenders;
  const std::vector<Point>& points;
  std::vector<ModelWords> models{};
  bool has_quality = true;       ///< the experiment measures it
  bool has_quality_text = true;  ///< on a text, so that there is a perplexity
};

/// Reads `model` and the axes of the sweep, as far as the map has them. Throws Error with the position for what no
/// point has.
PointFilter read_filter(const Section& map, const TargetScope& scope);

/// Reads `contender`; empty where the map has none. Throws Error with the position for one that is not there.
std::string read_contender_of(const Section& map, const TargetScope& scope);

}  // namespace inferbench
