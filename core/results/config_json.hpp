// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "model/model_config.hpp"

namespace inferbench {

/// A model's description in run.json and in predictors. End tokens are left out: they have no effect on measurements.
nlohmann::ordered_json config_to_json(const ModelConfig& config);

/// Reads what config_to_json wrote, and what earlier versions wrote of GPT-2 ("width", "inner", ...). Throws
/// nlohmann::json::exception for anything else.
ModelConfig config_from_json(const nlohmann::ordered_json& object);

/// Whether `object` has everything that determines logits. Early versions wrote only layers, heads, widths, context,
/// vocabulary and head.
bool is_whole_config(const nlohmann::ordered_json& object);

}  // namespace inferbench
