// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiment/yaml_tree.hpp"
#include "ops/operator_spec.hpp"

namespace inferbench {

/// Defaults for an operator experiment: a model's shape and token counts.
struct ShapeDefaults {
  ModelConfig config;
  std::vector<std::int32_t> tokens;
};

/// Reads `ops`: an entry is "linear" or {op: linear, shape: {rows: [1, 128], in: 768}}; `shape` may be a list of such
/// maps. Lists multiply out; the last key varies fastest. A missing key gets its value from the defaults. A missing
/// `rows` or `tokens` gives one operator per default token count. Duplicates are removed. Throws Error with the
/// position.
std::vector<OperatorSpec> read_operators(const YamlNode& ops, const ShapeDefaults& defaults);

}  // namespace inferbench
