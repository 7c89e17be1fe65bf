// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as config.json, of any family. An accepted file must be a description that backends can
// trust, and its tensors must fit in those that a checkpoint stores.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "check.hpp"
#include "inferbench/backend_checks.hpp"
#include "model/config_json.hpp"
#include "model/families/families.hpp"

namespace {

using inferbench::ModelConfig;
using inferbench::fuzz::require;

bool finite_and_positive(double value) {
  return std::isfinite(value) && value > 0;
}

void check_sizes(const ModelConfig& config) {
  require(config.vocab_size > 0, "sizes are positive");
  try {
    inferbench::check_model_desc(model_desc(config));
  } catch (const inferbench::Failure&) {
    require(false, "a backend accepts the description");
  }
  require(inferbench::decoder::activation_feature(config.activation) != 0, "known activation");
  const double bytes = 4.0 * static_cast<double>(inferbench::count_parameters(config));
  require(bytes > 4.0 * config.vocab_size * config.hidden_size, "no size overflows");
}

void check_numbers(const ModelConfig& config) {
  require(finite_and_positive(config.norm_epsilon) && finite_and_positive(config.embedding_scale), "positive numbers");
  for (const double cap : {config.attention_soft_cap, config.logit_soft_cap}) {
    require(std::isfinite(cap) && cap >= 0, "soft caps are not negative");
  }
  require(config.layers.size() == static_cast<std::size_t>(config.n_layers), "each layer is described");
  for (const ib_layer_desc& layer : config.layers) {
    require(finite_and_positive(layer.attention_scale), "attention scales are positive");
  }
  const auto& frequencies = config.rotary_frequencies;
  const auto pairs = static_cast<std::size_t>(config.head_dim / 2);
  require(frequencies.size() == config.rotary_scales.size() * pairs, "each table has a frequency for each pair");
  require(std::all_of(frequencies.begin(), frequencies.end(), finite_and_positive), "frequencies are positive");
  require(std::all_of(config.rotary_scales.begin(), config.rotary_scales.end(), finite_and_positive),
          "scales are positive");
}

void check_end_tokens(const ModelConfig& config) {
  std::int32_t last = -1;
  for (const std::int32_t token : config.end_tokens) {
    require(token > last && token < config.vocab_size, "end tokens ascend within the vocabulary");
    last = token;
  }
}

void check_stored_tensors(const ModelConfig& config) {
  std::map<std::string, const inferbench::decoder::TensorSpec*> missing;
  const auto specs = inferbench::decoder::tensors(model_desc(config));
  for (const auto& spec : specs) missing.emplace(spec.name, &spec);
  const auto list = inferbench::family_of(config).stored_tensors(config);
  for (const inferbench::StoredTensor& stored : list) {
    for (const inferbench::TensorView& view : stored.views) {
      const auto found = missing.find(view.name);
      require(found != missing.end(), "a view is a tensor of the description, once");
      require(found->second->rank == view.rank && found->second->shape == view.shape, "a view has its tensor's shape");
      missing.erase(found);
      std::int64_t last = view.offset;
      for (std::size_t i = 0; i < static_cast<std::size_t>(view.rank); ++i) {
        last += (view.shape[i] - 1) * view.strides[i];
      }
      require(view.offset >= 0 && last < stored.n_elements(), "a view is within its stored tensor");
    }
  }
  require(missing.empty(), "every tensor is stored");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const ModelConfig config = inferbench::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
    check_sizes(config);
    check_numbers(config);
    check_end_tokens(config);
    if (config.n_layers <= 16) check_stored_tensors(config);
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
