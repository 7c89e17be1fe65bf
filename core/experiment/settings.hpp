// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

// The sections of an experiment that stand for themselves; a null node gives the defaults. All throw Error with the
// position.

Prompts read_prompts(const YamlNode* node, const ExperimentLookups& lookups);
MeasureSettings read_measure(const YamlNode* node);
LoadSettings read_load(const YamlNode* node);
Limits read_limits(const YamlNode* node);
/// `precisions`: those that the backends offer; max_kl may name no other.
std::optional<Quality> read_quality(const YamlNode* node, const std::vector<std::string>& precisions,
                                    const ExperimentLookups& lookups);

// How the YAML spells these.
std::string_view to_string(MachineLimitsMode mode);
std::string_view to_string(PageCache cache);
std::optional<PageCache> page_cache_from(std::string_view text);

}  // namespace inferbench
