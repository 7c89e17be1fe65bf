// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "experiment/axes.hpp"
#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

struct AxisValue {
  std::int32_t value = 0;
  Position at;
  bool is_default = false;  ///< the file does not name the axis
};

/// Leaves out the points that have one of the values on each axis named. Empty lists match everything.
struct Exclusion {
  std::vector<std::string> models;  ///< references, as in Point::model
  std::array<std::vector<std::int32_t>, kAxes> values;

  bool matches(const Point& point) const;
};

/// A model of the experiment and where the file names it.
struct SweepModel {
  std::string written;  ///< as the file has it
  ModelFacts facts;
  Position at;
};

struct Sweep {
  std::array<std::vector<AxisValue>, kAxes> axes;  ///< beside kAxisRules; never empty, values distinct
  std::vector<Exclusion> exclusions;
  Position exclude_at;
};

/// Reads `models`: one reference or a list. Opens each. Throws Error with the position.
std::vector<SweepModel> read_models(const YamlNode& models, const ExperimentLookups& lookups);

/// Reads `sweep`; null gives the defaults, whose position is `fallback`. `usable_cpus` is what `threads: all` means,
/// `most_threads` what a number may be. Throws Error with the position.
Sweep read_sweep(const YamlNode* sweep, const Position& fallback, const std::vector<SweepModel>& models,
                 std::int32_t usable_cpus, std::int32_t most_threads);

/// Multiplies the axes out, takes the exclusions away and checks every point against its model's context. Throws Error.
std::vector<Point> sweep_points(const Sweep& sweep, const std::vector<SweepModel>& models);

}  // namespace inferbench
