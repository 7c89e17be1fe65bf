// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiment/yaml_tree.hpp"
#include "ops/operator_spec.hpp"

namespace inferbench {

/// What an experiment of operators leaves open: a model's shape, and numbers of tokens.
struct ShapeDefaults {
  ModelConfig config;
  std::vector<std::int32_t> tokens;
};

/// Reads `ops`: an entry is "linear" or {op: linear, shape: {rows: [1, 128], in: 768}}; `shape` may be a list of such
/// maps. Lists multiply out, the last key fastest; a key that is missing has its value from the defaults, once for each
/// number of tokens where `rows` or `tokens` is the missing one. Each operator at a shape comes once. Throws Error with
/// the position.
std::vector<OperatorSpec> read_operators(const YamlNode& ops, const ShapeDefaults& defaults);

}  // namespace inferbench
