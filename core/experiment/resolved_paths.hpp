// SPDX-License-Identifier: Apache-2.0
// The paths in a resolved experiment (Experiment::resolved_yaml). They are absolute on the machine where it ran, and
// differ on other machines.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace inferbench {

/// Every absolute path of backends, models and text files, without duplicates, in text order. Throws Error if the text
/// is not YAML.
std::vector<std::string> paths_in(const std::string& resolved_yaml);

/// The same experiment with paths replaced (old -> new). Paths that are not in the map stay.
std::string with_paths(std::string resolved_yaml, const std::map<std::string, std::string>& replaced);

/// Values by key path: "measure.blocks" -> "7", "backends.0.name" -> "reference".
std::map<std::string, std::string> values_in(const std::string& resolved_yaml);

/// The differences between two experiments, one line each: "measure.blocks: 7, now 5". At most `limit` lines; the last
/// one then says how many more there are.
std::vector<std::string> value_differences(const std::string& resolved_before, const std::string& resolved_now,
                                           std::size_t limit = 8);

}  // namespace inferbench
