// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as config.json. An accepted file must describe a shape that backends can trust.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "model/canonical_tensors.hpp"
#include "model/config_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using inferbench::fuzz::require;
  try {
    const auto config = inferbench::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
    require(config.n_layers > 0 && config.n_heads > 0 && config.width > 0, "sizes are positive");
    require(config.inner > 0 && config.context > 0 && config.vocab > 0, "sizes are positive");
    require(config.width % config.n_heads == 0, "heads divide the width");
    require(config.activation >= IB_ACTIVATION_GELU_TANH && config.activation <= IB_ACTIVATION_RELU,
            "known activation");
    require(config.layer_norm_epsilon > 0 && std::isfinite(config.layer_norm_epsilon), "epsilon is positive");
    require(config.eos_token >= -1 && config.eos_token < config.vocab, "end of text is in the vocabulary");
    const double bytes = 4.0 * static_cast<double>(inferbench::count_parameters(config));
    const double exact = 4.0 * (static_cast<double>(config.vocab) + config.context) * config.width;
    require(bytes > exact, "no size overflows");
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
