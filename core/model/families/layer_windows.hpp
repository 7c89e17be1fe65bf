// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/config_fields.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// Whether each layer has a sliding window: as layer_types says or, where it says nothing, as `otherwise` does.
std::vector<bool> sliding_layers(const ConfigFields& fields, std::int32_t n_layers,
                                 const std::function<bool(std::int32_t)>& otherwise);

/// Throws Error if layer_types says otherwise: for families whose layers are all alike.
void require_like_layers(const ConfigFields& fields, std::int32_t n_layers, bool sliding);

/// sliding_window in positions, 0 for null; if the key is absent, the default of all families, 4096.
std::int32_t read_window(const ConfigFields& fields);

/// Sets `layers` as Qwen's files describe them: with use_sliding_window, the layers from max_window_layers on slide,
/// unless layer_types says otherwise. All are rotated by table 0.
void set_qwen_layers(ModelConfig& config, const ConfigFields& fields);

}  // namespace inferbench
