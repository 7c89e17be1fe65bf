// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/decoder.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// The sizes that the costs of decoder.hpp depend on.
constexpr decoder::Shape decoder_shape(const ModelConfig& config) {
  decoder::Shape shape;
  shape.n_layers = config.n_layers;
  shape.hidden_size = config.width;
  shape.intermediate_size = config.inner;
  shape.vocab_size = config.vocab;
  shape.query_size = config.width;
  shape.kv_size = config.width;
  return shape;
}

}  // namespace inferbench
