// SPDX-License-Identifier: Apache-2.0
#include "conformance/test_configs.hpp"

#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>

#include "conformance/family_configs.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

// From one radian a position to one in fifty, so that positions of a short sequence differ in every pair of values.
constexpr double kRotaryBase = 50;

std::int32_t any_activation(std::uint64_t features) {
  const auto declared = declared_activations(features);
  return declared.empty() ? IB_ACTIVATION_GELU_TANH : declared.front();
}

void set_layers(ModelConfig& config, std::int32_t n_layers) {
  config.n_layers = n_layers;
  set_like_layers(config);
}

void set_all_biases(ModelConfig& config, bool bias) {
  config.qkv_bias = config.attn_out_bias = config.mlp_bias = bias;
}

/// Makes variants of the plain model.
class Variants {
 public:
  explicit Variants(std::uint64_t features) : plain_(plain_config(features)) {}

  void add(const std::string& name, const std::function<void(ModelConfig&)>& change) {
    list_.push_back({name, plain_});
    change(list_.back().config);
  }
  std::vector<NamedConfig> take() { return std::move(list_); }

 private:
  ModelConfig plain_;
  std::vector<NamedConfig> list_;
};

void add_positions_variants(Variants& variants, std::uint64_t feature) {
  if (feature == IB_FEATURE_LEARNED_POSITIONS) {
    variants.add("learned positions", [](ModelConfig& config) {
      config.learned_positions = true;
      config.rotary_frequencies.clear();
      config.rotary_scales.clear();
      set_like_layers(config);
    });
  }
  if (feature == IB_FEATURE_ROTARY) {
    variants.add("one rotary table", [](ModelConfig& config) { set_rotary(config, {1}); });
    variants.add("two rotary tables with scales 1.2 and 0.8, a layer without rotation", [](ModelConfig& config) {
      set_layers(config, 3);
      set_rotary(config, {1.2, 0.8});
      config.layers[2].rotary_table = -1;
    });
  }
}

void add_heads_variants(Variants& variants, std::uint64_t feature) {
  if (feature == IB_FEATURE_GROUPED_HEADS) {
    for (const std::int32_t n : {2, 1}) {
      variants.add(std::to_string(n) + " key-value heads for 4", [n](ModelConfig& config) { config.n_kv_heads = n; });
    }
  }
  if (feature == IB_FEATURE_FREE_HEAD_DIM) {
    for (const std::int32_t size : {32, 8}) {
      variants.add("4 heads of " + std::to_string(size), [size](ModelConfig& config) { set_head_dim(config, size); });
    }
  }
  if (feature == IB_FEATURE_QK_NORM) variants.add("qk_norm", [](ModelConfig& config) { config.qk_norm = true; });
  if (feature == IB_FEATURE_WINDOW) {
    variants.add("windows of 24 and none", [](ModelConfig& config) { config.layers[0].window = 24; });
    variants.add("windows of 1 and 127", [](ModelConfig& config) {
      config.layers[0].window = 1;
      config.layers[1].window = config.max_positions - 1;
    });
  }
  if (feature == IB_FEATURE_ATTENTION_SOFT_CAP) {
    variants.add("attention_soft_cap 1.5", [](ModelConfig& config) { config.attention_soft_cap = 1.5; });
  }
}

void add_mlps_variants(Variants& variants, std::uint64_t feature, std::uint64_t features) {
  if (feature == IB_FEATURE_PLAIN_MLP) variants.add("plain MLP", [](ModelConfig& config) { config.gated = false; });
  if (feature == IB_FEATURE_GATED_MLP) variants.add("gated MLP", [](ModelConfig& config) { config.gated = true; });
  for (const std::int32_t activation : declared_activations(features)) {
    if (feature != decoder::activation_feature(activation)) continue;
    for (const bool gated : {false, true}) {
      if ((features & (gated ? IB_FEATURE_GATED_MLP : IB_FEATURE_PLAIN_MLP)) == 0) continue;
      variants.add(gated ? "in a gated MLP" : "in a plain MLP", [=](ModelConfig& config) {
        config.activation = activation;
        config.gated = gated;
      });
    }
  }
}

void add_norms_and_biases_variants(Variants& variants, std::uint64_t feature) {
  if (feature == IB_FEATURE_LAYER_NORM) {
    variants.add("layer norm", [](ModelConfig& config) { config.norm = IB_NORM_LAYER; });
  }
  if (feature == IB_FEATURE_RMS_NORM) {
    variants.add("RMS norm", [](ModelConfig& config) { config.norm = IB_NORM_RMS; });
  }
  if (feature == IB_FEATURE_POST_NORM) variants.add("post_norm", [](ModelConfig& config) { config.post_norm = true; });
  if (feature != IB_FEATURE_LINEAR_BIAS) return;
  variants.add("all biases", [](ModelConfig& config) { set_all_biases(config, true); });
  variants.add("no biases", [](ModelConfig& config) { set_all_biases(config, false); });
  for (const auto& [name, member] : {std::pair{"only qkv_bias", &ModelConfig::qkv_bias},
                                     std::pair{"only attn_out_bias", &ModelConfig::attn_out_bias},
                                     std::pair{"only mlp_bias", &ModelConfig::mlp_bias}}) {
    variants.add(name, [member = member](ModelConfig& config) {
      set_all_biases(config, false);
      config.*member = true;
    });
  }
}

void add_scales_variants(Variants& variants, std::uint64_t feature) {
  if (feature == IB_FEATURE_LOGIT_SOFT_CAP) {
    variants.add("logit_soft_cap 3", [](ModelConfig& config) { config.logit_soft_cap = 3; });
  }
  if (feature == IB_FEATURE_EMBEDDING_SCALE) {
    for (const double scale : {8.0, 0.3}) {
      variants.add(scale > 1 ? "embedding_scale 8" : "embedding_scale 0.3",
                   [scale](ModelConfig& config) { config.embedding_scale = scale; });
    }
  }
}

}  // namespace

std::vector<std::int32_t> declared_activations(std::uint64_t features) {
  std::vector<std::int32_t> declared;
  for (const std::int32_t activation :
       {IB_ACTIVATION_GELU_TANH, IB_ACTIVATION_GELU_ERF, IB_ACTIVATION_RELU, IB_ACTIVATION_SILU}) {
    if ((features & decoder::activation_feature(activation)) != 0) declared.push_back(activation);
  }
  return declared;
}

void set_rotary(ModelConfig& config, const std::vector<double>& scales) {
  config.learned_positions = false;
  config.rotary_scales = scales;
  config.rotary_frequencies.clear();
  for (std::size_t table = 0; table < scales.size(); ++table) {
    for (std::int32_t j = 0; j < config.head_dim / 2; ++j) {
      config.rotary_frequencies.push_back(std::pow(kRotaryBase, -2.0 * j / config.head_dim) /
                                          (1 + static_cast<double>(table)));
    }
  }
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    config.layers[i].rotary_table = static_cast<std::int32_t>(i % scales.size());
  }
}

void set_head_dim(ModelConfig& config, std::int32_t head_dim) {
  config.head_dim = head_dim;
  for (ib_layer_desc& layer : config.layers) layer.attention_scale = 1 / std::sqrt(static_cast<double>(head_dim));
  if (!config.rotary_scales.empty()) set_rotary(config, std::vector(config.rotary_scales));
}

ModelConfig plain_config(std::uint64_t features) {
  if ((features & kWholeFamilies) != 0) return family_configs(features).front().config;
  const auto has = [features](std::uint64_t feature) { return (features & feature) != 0; };
  ModelConfig config;
  set_gpt2_sizes(config, 2, 4, 64, 128, 257);
  config.norm = has(IB_FEATURE_LAYER_NORM) || !has(IB_FEATURE_RMS_NORM) ? IB_NORM_LAYER : IB_NORM_RMS;
  config.gated = has(IB_FEATURE_GATED_MLP) && !has(IB_FEATURE_PLAIN_MLP);
  config.activation = any_activation(features);
  set_all_biases(config, has(IB_FEATURE_LINEAR_BIAS));
  config.learned_positions = has(IB_FEATURE_LEARNED_POSITIONS);
  if (!config.learned_positions && has(IB_FEATURE_ROTARY)) set_rotary(config, {1});
  return config;
}

ModelConfig full_config(std::uint64_t features) {
  if ((features & kWholeFamilies) != 0) return family_configs(features).back().config;
  const auto has = [features](std::uint64_t feature) { return (features & feature) != 0; };
  ModelConfig config = plain_config(features);
  set_layers(config, 3);
  config.tied_head = false;
  if (has(IB_FEATURE_RMS_NORM)) config.norm = IB_NORM_RMS;
  if (has(IB_FEATURE_GATED_MLP)) config.gated = true;
  if (has(IB_FEATURE_SILU)) config.activation = IB_ACTIVATION_SILU;
  if (has(IB_FEATURE_FREE_HEAD_DIM)) set_head_dim(config, 24);
  if (has(IB_FEATURE_ROTARY)) set_rotary(config, {1, 1.2});
  if (has(IB_FEATURE_GROUPED_HEADS)) config.n_kv_heads = 2;
  if (has(IB_FEATURE_LINEAR_BIAS)) config.attn_out_bias = config.mlp_bias = false;
  config.qk_norm = has(IB_FEATURE_QK_NORM);
  config.post_norm = has(IB_FEATURE_POST_NORM);
  if (has(IB_FEATURE_WINDOW)) {
    config.layers[0].window = 24;
    config.layers[2].window = 50;
  }
  if (has(IB_FEATURE_ATTENTION_SOFT_CAP)) config.attention_soft_cap = 3;
  if (has(IB_FEATURE_LOGIT_SOFT_CAP)) config.logit_soft_cap = 6;
  if (has(IB_FEATURE_EMBEDDING_SCALE)) config.embedding_scale = 2;
  return config;
}

ModelConfig large_config(std::uint64_t features) {
  ModelConfig config = plain_config(features);
  config.hidden_size = 256;
  config.intermediate_size = 1024;
  config.max_positions = 256;
  config.vocab_size = 1024;
  set_layers(config, 4);
  set_head_dim(config, 64);
  return config;
}

std::vector<NamedConfig> base_configs(std::uint64_t features) {
  if ((features & kWholeFamilies) != 0) return family_configs(features);
  std::vector<NamedConfig> bases{{"", plain_config(features)}};
  const ModelConfig full = full_config(features);
  const ib_model_desc desc = model_desc(full);
  if (decoder::required_features(desc) != decoder::required_features(model_desc(bases.front().config))) {
    bases.push_back({"model with all features: ", full});
  }
  return bases;
}

std::vector<NamedConfig> configs_with(std::uint64_t feature, std::uint64_t features) {
  if ((features & kWholeFamilies) != 0) {
    std::vector<NamedConfig> families = family_configs(features);
    std::erase_if(families, [feature](const NamedConfig& family) {
      return (decoder::required_features(model_desc(family.config)) & feature) == 0;
    });
    return families;
  }
  Variants variants(features);
  add_positions_variants(variants, feature);
  add_heads_variants(variants, feature);
  add_mlps_variants(variants, feature, features);
  add_norms_and_biases_variants(variants, feature);
  add_scales_variants(variants, feature);
  return variants.take();
}

}  // namespace inferbench::conformance
