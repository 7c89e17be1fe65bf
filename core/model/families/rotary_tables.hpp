// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/config_fields.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// One rotary table of ib_model_desc.
struct RotaryTable {
  std::vector<double> frequencies;  ///< [head_dim / 2], radians a position
  double scale = 1;
};

/// The table that `rule`, an object in the form of transformers' rope_scaling or rope_parameters, asks for; without
/// one, the plain table of `theta`. Throws Error on rules that depend on the length of the text, and on unknown ones.
RotaryTable rotary_table(const std::optional<ConfigFields>& rule, double theta, const ModelConfig& config);

/// The same, of a config.json with one table for all layers: rope_parameters as transformers 5 writes it, or rope_theta
/// and rope_scaling as transformers 4 did.
RotaryTable read_rotary_table(const ConfigFields& fields, const ModelConfig& config);

/// rope_theta of `fields` or, if there is one, of `rule`.
double read_rope_theta(const ConfigFields& fields, const std::optional<ConfigFields>& rule, const char* key,
                       double fallback);

/// Appends a table to config's.
void add_rotary_table(ModelConfig& config, const RotaryTable& table);

}  // namespace inferbench
