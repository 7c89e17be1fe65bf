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

// The sections of an experiment that stand for themselves; a null node gives the defaults. All throw Error with the
// position.

/// `points` and `models` say how long the text must be for each model: as its longest prompt.
Prompts read_prompts(const YamlNode* node, const std::vector<Point>& points, const std::vector<ModelFacts>& models,
                     const ExperimentLookups& lookups);
MeasureSettings read_measure(const YamlNode* node, const ExperimentLookups& lookups);
/// `measure.cpus` of either kind of experiment; null gives none.
std::vector<int> read_cpus(const YamlNode* node, const ExperimentLookups& lookups);
/// How many CPUs a run that is bound to `cpus` (none: to all) can use.
std::int32_t usable_of(const std::vector<int>& cpus, const ExperimentLookups& lookups);
LoadSettings read_load(const YamlNode* node);
Limits read_limits(const YamlNode* node);
/// max_kl may name the list's contenders and precisions. Where a text is given, every model must have a tokenizer, and
/// the text must fill one window of predictions: the model's context, or kMinTextTokens where that is longer.
std::optional<Quality> read_quality(const YamlNode* node, const ContenderList& list,
                                    const std::vector<ModelFacts>& models, const ExperimentLookups& lookups);

// How the YAML spells these.
std::string_view to_string(MachineLimitsMode mode);

}  // namespace inferbench
