// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// Merges the experiment's text, the files that it extends and the overrides into one YAML tree. Maps merge, lists
/// replace. Each extended file is looked up from the folder of the file that names it. Overrides have the form
/// "a.b.0.c=YAML value" (numbers index lists) and are applied in order, merging the same way. Every node keeps the
/// position it came from. Returns a map without `extends`. Throws Error with the position.
YamlNode read_document(const std::string& text, const std::filesystem::path& path,
                       const std::vector<std::string>& overrides, const ExperimentLookups& lookups);

/// The absolute path without "." and ".."; the path unchanged if the working directory no longer exists.
std::filesystem::path absolute_path(const std::filesystem::path& path);

}  // namespace inferbench
