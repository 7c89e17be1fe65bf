// SPDX-License-Identifier: Apache-2.0
#include "conformance/family_configs.hpp"

#include <cmath>
#include <utility>

#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

ModelConfig gpt2_config() {
  ModelConfig config;
  set_gpt2_sizes(config, 2, 4, 64, 128, 257);
  return config;
}

ModelConfig llama_config() {
  ModelConfig config = gpt2_config();
  config.norm = IB_NORM_RMS;
  config.gated = true;
  config.activation = IB_ACTIVATION_SILU;
  config.qkv_bias = config.attn_out_bias = config.mlp_bias = config.tied_head = false;
  config.n_kv_heads = 2;
  set_rotary(config, {1});
  return config;
}

// llama3's rule: slow frequencies are divided, quick ones are not.
ModelConfig scaled_llama_config() {
  ModelConfig config = llama_config();
  for (std::size_t j = 0; j < config.rotary_frequencies.size(); ++j) {
    if (j > config.rotary_frequencies.size() / 2) config.rotary_frequencies[j] /= 8;
  }
  return config;
}

ModelConfig biased_llama_config() {
  ModelConfig config = llama_config();
  config.qkv_bias = config.attn_out_bias = config.mlp_bias = true;
  return config;
}

ModelConfig qwen2_config() {
  ModelConfig config = llama_config();
  config.qkv_bias = config.tied_head = true;
  return config;
}

ModelConfig qwen3_config() {
  ModelConfig config = llama_config();
  config.qk_norm = true;
  set_head_dim(config, 32);
  return config;
}

ModelConfig gemma_config(bool is_gemma3) {
  ModelConfig config = llama_config();
  config.n_layers = 3;
  set_like_layers(config);
  config.tied_head = true;
  config.activation = IB_ACTIVATION_GELU_TANH;
  config.post_norm = true;
  config.qk_norm = is_gemma3;
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  set_rotary(config, is_gemma3 ? std::vector<double>{1, 1} : std::vector<double>{1});
  set_head_dim(config, 32);
  if (!is_gemma3) {
    config.attention_soft_cap = 3;
    config.logit_soft_cap = 6;
  }
  // The last layer is full. The tables are powers of one base: the second one, of the layers with windows, starts at
  // one radian a position, too.
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const bool is_full = i + 1 == config.layers.size();
    config.layers[i].window = is_full ? 0 : 24;
    config.layers[i].rotary_table = is_gemma3 && !is_full ? 1 : 0;
  }
  const auto half = static_cast<std::size_t>(config.head_dim / 2);
  for (std::size_t j = 0; is_gemma3 && j < half; ++j) {
    config.rotary_frequencies[half + j] = std::pow(20.0, -static_cast<double>(j) / static_cast<double>(half));
  }
  return config;
}

}  // namespace

std::vector<NamedConfig> family_configs(std::uint64_t features) {
  std::vector<NamedConfig> families = {{"GPT-2: ", gpt2_config()},
                                       {"Llama: ", llama_config()},
                                       {"Llama with scaled positions: ", scaled_llama_config()},
                                       {"Llama with biases: ", biased_llama_config()},
                                       {"Qwen 2: ", qwen2_config()},
                                       {"Qwen 3: ", qwen3_config()},
                                       {"Gemma 2: ", gemma_config(false)},
                                       {"Gemma 3: ", gemma_config(true)}};
  std::erase_if(families, [features](const NamedConfig& family) {
    return (decoder::required_features(model_desc(family.config)) & ~features) != 0;
  });
  if (families.empty()) families.push_back({"GPT-2: ", gpt2_config()});
  return families;
}

}  // namespace inferbench::conformance
