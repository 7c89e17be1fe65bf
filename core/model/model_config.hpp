// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "inferbench/backend.h"

namespace inferbench {

/// The shape of a GPT-2 model, and everything else in config.json that changes the result.
struct ModelConfig {
  std::int32_t n_layers = 0;
  std::int32_t n_heads = 0;
  std::int32_t width = 0;
  std::int32_t inner = 0;
  std::int32_t context = 0;
  std::int32_t vocab = 0;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer = false;
  bool tied_head = true;
  double layer_norm_epsilon = 1e-5;
  std::int32_t eos_token = -1;  ///< -1: none

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

}  // namespace inferbench
