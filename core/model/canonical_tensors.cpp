// SPDX-License-Identifier: Apache-2.0
#include "model/canonical_tensors.hpp"

#include <algorithm>
#include <numeric>

namespace inferbench {
namespace {

void add_layer(std::vector<TensorSpec>& specs, const ModelConfig& config, std::int32_t layer) {
  const std::int64_t width = config.width;
  const std::int64_t inner = config.inner;
  const std::string prefix = "h." + std::to_string(layer) + ".";
  const auto add_norm = [&](const std::string& name) {
    specs.push_back({prefix + name + ".weight", {width}, TensorRole::kNormWeight});
    specs.push_back({prefix + name + ".bias", {width}, TensorRole::kNormBias});
  };
  const auto add_linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    specs.push_back({prefix + name + ".weight", {in, out}, TensorRole::kLinearWeight});
    specs.push_back({prefix + name + ".bias", {out}, TensorRole::kLinearBias});
  };
  add_norm("ln_1");
  add_linear("attn.c_attn", width, 3 * width);
  add_linear("attn.c_proj", width, width);
  add_norm("ln_2");
  add_linear("mlp.c_fc", width, inner);
  add_linear("mlp.c_proj", inner, width);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::uint64_t TensorSpec::n_elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1},
                         [](std::uint64_t n, std::int64_t d) { return n * static_cast<std::uint64_t>(d); });
}

std::vector<TensorSpec> canonical_tensors(const ModelConfig& config) {
  std::vector<TensorSpec> specs;
  specs.push_back({"wte.weight", {config.vocab, config.width}, TensorRole::kTokenEmbedding});
  specs.push_back({"wpe.weight", {config.context, config.width}, TensorRole::kPositionEmbedding});
  for (std::int32_t layer = 0; layer < config.n_layers; ++layer) add_layer(specs, config, layer);
  specs.push_back({"ln_f.weight", {config.width}, TensorRole::kNormWeight});
  specs.push_back({"ln_f.bias", {config.width}, TensorRole::kNormBias});
  if (!config.tied_head) {
    specs.push_back({"lm_head.weight", {config.vocab, config.width}, TensorRole::kTokenEmbedding});
  }
  return specs;
}

std::uint64_t count_parameters(const ModelConfig& config) {
  const auto specs = canonical_tensors(config);
  return std::accumulate(specs.begin(), specs.end(), std::uint64_t{0},
                         [](std::uint64_t n, const TensorSpec& spec) { return n + spec.n_elements(); });
}

std::string_view canonical_name(std::string_view name) {
  const auto strip = [&name](std::string_view prefix) {
    const bool has = name.starts_with(prefix);
    if (has) name.remove_prefix(prefix.size());
    return has;
  };
  // Prefixes of checkpoints saved from inside torch.compile or a data-parallel wrapper, in either order.
  while (strip("_orig_mod.") || strip("module.")) {
  }
  strip("transformer.");
  return name;
}

bool is_mask_buffer(std::string_view name) {
  if (!name.starts_with("h.")) return false;
  name.remove_prefix(2);
  const auto end = std::find_if_not(name.begin(), name.end(), is_digit);
  const std::string_view rest(end, name.end());
  return end != name.begin() && (rest == ".attn.bias" || rest == ".attn.masked_bias");
}

}  // namespace inferbench
