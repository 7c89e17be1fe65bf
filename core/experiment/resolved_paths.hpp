// SPDX-License-Identifier: Apache-2.0
// The paths that a resolved experiment (Experiment::resolved_yaml) names: where it was run they are absolute, and
// elsewhere they are other ones.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace inferbench {

/// Every absolute path of backends, models and text files, once, in the order of the text. Throws Error for what is no
/// YAML.
std::vector<std::string> paths_in(const std::string& resolved_yaml);

/// The same experiment with other paths: from old to new. What is not in the map stays.
std::string with_paths(std::string resolved_yaml, const std::map<std::string, std::string>& replaced);

/// Its values by their places: "measure.blocks" -> "7", "backends.0.name" -> "reference".
std::map<std::string, std::string> values_in(const std::string& resolved_yaml);

/// Where two experiments differ, a line each: "measure.blocks: 7, now 5". At most `limit` lines, the last of which says
/// how many more there are.
std::vector<std::string> value_differences(const std::string& resolved_before, const std::string& resolved_now,
                                           std::size_t limit = 8);

}  // namespace inferbench
