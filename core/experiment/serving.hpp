// SPDX-License-Identifier: Apache-2.0
// Requests under load in an experiment file: the axis `sweep.scenario` and the section `serving`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// A value of the axis `scenario` and where the file names it.
struct ScenarioValue {
  std::optional<Scenario> scenario;  ///< absent: batch
  Position at;
};

/// The text of a batch in Point::scenario is empty; files and filters call it so.
inline constexpr const char* kBatchScenario = "batch";

/// Reads `sweep.scenario`; null and an empty map give batch alone. Lists multiply out. Throws Error with the position.
std::vector<ScenarioValue> read_scenarios(const YamlNode* node, const Position& fallback);

/// Reads `serving`; null gives the defaults. Throws Error with the position.
Serving read_serving(const YamlNode* node);

/// Makes each scenario one of each of serving.delivery.
void add_deliveries(const Serving& serving, std::vector<ScenarioValue>& scenarios);

/// Completes `serving` by the scenarios other than batch and reads their traces. Throws Error with the position.
void add_scenarios(const std::vector<ScenarioValue>& scenarios, const ExperimentLookups& lookups, Serving& serving);

/// Throws Error if a search has too few requests for its percentile.
void check_searches(const std::vector<ScenarioValue>& scenarios, const Serving& serving);

/// Throws Error, with the position in the section `node`, if text is delivered and a model has no tokenizer.
void check_tokenizers(const YamlNode* node, const Serving& serving, const std::vector<ModelFacts>& models,
                      const ExperimentLookups& lookups);

/// Throws Error for an open scenario that can't end within `timeout_s`.
void check_durations(const std::vector<ScenarioValue>& scenarios, const Serving& serving, double timeout_s);

/// The point of a scenario in place of the batch that `point` is: batch is max_batch, the lengths are the longest of
/// its requests. `scenario` is one of serving.scenarios.
Point scenario_point(Point point, const Scenario& scenario, const Serving& serving);

/// The scenario of a point; null for a batch. Throws std::out_of_range if the experiment lacks it.
const Scenario* scenario_of(const Serving& serving, const Point& point);

/// Lengths and number of the requests of a scenario's point.
RequestMix mix_of(const Serving& serving, const Point& point);

}  // namespace inferbench
