// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiment/contenders.hpp"
#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

// The independent sections of an experiment. A null node gives the defaults. All throw Error with the position.

/// `points` and `models` determine how long the text must be for each model: at least its longest prompt.
Prompts read_prompts(const YamlNode* node, const std::vector<Point>& points, const std::vector<ModelFacts>& models,
                     const ExperimentLookups& lookups);
MeasureSettings read_measure(const YamlNode* node, const ExperimentLookups& lookups);
/// `measure.cpus` of either kind of experiment; a null node gives an empty list.
std::vector<int> read_cpus(const YamlNode* node, const ExperimentLookups& lookups);
/// The number of CPUs that a run bound to `cpus` can use. An empty list means all CPUs.
std::int32_t usable_of(const std::vector<int>& cpus, const ExperimentLookups& lookups);
LoadSettings read_load(const YamlNode* node);
Limits read_limits(const YamlNode* node);
/// max_kl may name the list's contenders and precisions. If a text is given, every model must have a tokenizer, and the
/// text must fill one window of predictions: min(the model's context, kMinTextTokens).
std::optional<Quality> read_quality(const YamlNode* node, const ContenderList& list,
                                    const std::vector<ModelFacts>& models, const ExperimentLookups& lookups);

// Spellings in the YAML.
std::string_view to_string(MachineLimitsMode mode);

}  // namespace inferbench
