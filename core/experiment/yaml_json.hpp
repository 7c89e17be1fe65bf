// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// The tree as JSON. Plain scalars follow YAML's core schema: null, true and false, integers, other numbers, otherwise
/// strings. Maps keep their order.
nlohmann::ordered_json yaml_as_json(const YamlNode& node);

}  // namespace inferbench
