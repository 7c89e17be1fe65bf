// SPDX-License-Identifier: Apache-2.0
// The lengths of requests in the section `serving`.
#pragma once

#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/section.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// The value of a key that must be there. Throws Error with the position of the map.
const YamlNode& section_value(const Section& section, std::string_view name);

/// Reads `prompt_tokens`, `generate_tokens` and `lengths_from`. Throws Error with the position.
void read_all_lengths(const Section& section, Serving& serving);

/// Counts the tokens of the file `lengths_from` for each model. Prompts that do not fit into a model's context with
/// their answers are left out. Throws Error with the position in the section `node`.
void add_file_lengths(const YamlNode* node, const std::vector<ModelFacts>& models, const ExperimentLookups& lookups,
                      Serving& serving);

/// Whether the file of lengths_from has answers, each of which fits into the context with its prompt.
bool has_outputs(const Serving& serving);

/// Gives the point the longest lengths of the file. Without answers in the file, generate_tokens stays.
void set_longest(const std::vector<RequestLengths>& lengths, Point& point);

}  // namespace inferbench
