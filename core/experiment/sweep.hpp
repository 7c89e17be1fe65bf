// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "experiment/axes.hpp"
#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/serving.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

struct AxisValue {
  std::int32_t value = 0;
  Position at;
  bool is_default = false;  ///< the file does not name the axis
};

/// Excludes the points that have one of the listed values on every axis. An empty list matches every value.
struct Exclusion {
  std::vector<std::string> models;  ///< references, as in Point::model
  std::array<std::vector<std::int32_t>, kAxes> values;

  bool matches(const Point& point) const;
};

/// A model of the experiment and where the file names it.
struct SweepModel {
  std::string written;  ///< as in the file
  ModelFacts facts;
  Position at;
};

struct Sweep {
  std::array<std::vector<AxisValue>, kAxes> axes;  ///< same order as kAxisRules; never empty, values distinct
  std::vector<ScenarioValue> scenarios;            ///< never empty, values distinct
  std::vector<Exclusion> exclusions;
  Position exclude_at;
};

/// Reads `models` (one reference or a list) and opens each model. Throws Error with the position.
std::vector<SweepModel> read_models(const YamlNode& models, const ExperimentLookups& lookups);

/// Reads `sweep`; null gives the defaults, whose position is `fallback`. `usable_cpus` is the value of `threads: all`,
/// `most_threads` the largest thread count that may be given as a number. Throws Error with the position.
Sweep read_sweep(const YamlNode* sweep, const Position& fallback, const std::vector<SweepModel>& models,
                 std::int32_t usable_cpus, std::int32_t most_threads);

/// Multiplies the axes out, removes the exclusions and checks every point against its model's context. Throws Error.
/// Each combination gives a point for a batch and one for each other scenario. Axes that a scenario does not have
/// (batch, past_tokens, and lengths that `serving` gives) give no further points of it.
std::vector<Point> sweep_points(const Sweep& sweep, const std::vector<SweepModel>& models, const Serving& serving);

}  // namespace inferbench
