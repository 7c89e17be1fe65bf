// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/bounds.hpp"
#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// A number on an axis of the sweep.
struct AxisRule {
  std::string_view name;
  std::int32_t Point::*field;
  std::int32_t min;
  std::int32_t max;       ///< 0: the usable CPUs
  std::int32_t fallback;  ///< where the file does not name the axis; 0 where max is 0: the usable CPUs
  std::string_view unit;
  std::string_view meaning;  ///< a sentence for the reference page
  std::string_view example;  ///< YAML

  bool counts_cpus() const { return max == 0; }
};

inline constexpr std::size_t kAxes = 6;
/// Slowest first. Threads lead, because a worker's threads are set when it loads the model.
inline constexpr std::array<AxisRule, kAxes> kAxisRules{{
    {"threads", &Point::threads, 1, 0, 0, "",
     "Threads of the backend. `all` means every CPU that the process may use, or fewer under a control group's CPU "
     "quota; `doubling` means 1, 2, 4, ... up to all.",
     "[1, 2]"},
    {"prompt_tokens", &Point::prompt_tokens, 1, kMaxTokens, 128, "tokens", "Length of each prompt.", "[32, 512]"},
    {"generate_tokens", &Point::generate_tokens, 1, kMaxTokens, 32, "tokens",
     "Tokens to generate for each prompt; n tokens make n - 1 decode steps.", "[64]"},
    {"batch", &Point::batch, 1, kMaxBatch, 1, "sequences", "Sequences that run at once.", "[1, 8]"},
    {"past_tokens", &Point::past_tokens, 0, kMaxTokens, 0, "tokens",
     "Tokens of each sequence that are in the key-value cache before the clock starts: speed at a depth.", "[0, 256]"},
    {"shared_prefix_tokens", &Point::shared_prefix_tokens, 0, kMaxTokens, 0, "tokens",
     "Leading tokens of past and prompt that all sequences of all trials of a point share, like a system prompt. 0: "
     "all prompts differ from the first token on.",
     "[0, 32]"},
}};
/// The order in which a point is told, and in which the file's keys are listed.
inline constexpr std::array<std::string_view, kAxes> kAxesAsTold{
    "prompt_tokens", "generate_tokens", "batch", "threads", "past_tokens", "shared_prefix_tokens"};
constexpr const AxisRule& axis_rule(std::string_view name) {
  std::size_t i = 0;
  while (kAxisRules.at(i).name != name) ++i;
  return kAxisRules.at(i);
}

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
