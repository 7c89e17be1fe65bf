// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// One YAML tree out of the experiment's text, the files that it extends (maps merge, lists replace; each looked for
/// from the folder of the file that names it) and the overrides "a.b.0.c=YAML value" in order (the same merge; numbers
/// index lists). Every node keeps the position it came from. A map; `extends` is gone from it. Throws Error with the
/// position.
YamlNode read_document(const std::string& text, const std::filesystem::path& path,
                       const std::vector<std::string>& overrides, const ExperimentLookups& lookups);

/// Absolute and without "." and ".."; as it is where the working directory is gone.
std::filesystem::path absolute_path(const std::filesystem::path& path);

}  // namespace inferbench
