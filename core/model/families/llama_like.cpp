// SPDX-License-Identifier: Apache-2.0
#include "model/families/llama_like.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "inferbench/safetensors_names.hpp"

namespace inferbench {
namespace {

std::optional<std::int32_t> unless_zero(std::int32_t size) {
  return size == 0 ? std::nullopt : std::optional(size);
}

std::int32_t read_head_dim(const ConfigFields& fields, const ModelConfig& config, const LlamaLikeDefaults& defaults) {
  if (fields.find("head_dim") != nullptr || defaults.head_dim) {
    return fields.size("head_dim", config_limits::kHeadDim, defaults.head_dim);
  }
  if (config.hidden_size % config.n_heads != 0) {
    fields.fail(
        "num_attention_heads",
        fmt::format("num_attention_heads {} does not divide hidden_size {}", config.n_heads, config.hidden_size),
        "hidden_size must be a multiple of num_attention_heads, unless head_dim is given");
  }
  const std::int32_t head_dim = config.hidden_size / config.n_heads;
  if (head_dim > config_limits::kHeadDim) {
    fields.fail("num_attention_heads", fmt::format("makes heads of size {}", head_dim),
                fmt::format("at most {} are accepted", config_limits::kHeadDim));
  }
  return head_dim;
}

}  // namespace

ModelConfig read_llama_like(const ConfigFields& fields, const LlamaLikeDefaults& defaults) {
  using namespace config_limits;
  ModelConfig config;
  config.n_layers = fields.size("num_hidden_layers", kLayers, unless_zero(defaults.n_layers));
  config.n_heads = fields.size("num_attention_heads", kHeads, unless_zero(defaults.n_heads));
  config.hidden_size = fields.size("hidden_size", kHidden, unless_zero(defaults.hidden_size));
  config.intermediate_size = fields.size("intermediate_size", kIntermediate, unless_zero(defaults.intermediate_size));
  config.max_positions = fields.size("max_position_embeddings", kPositions, unless_zero(defaults.max_positions));
  config.vocab_size = fields.size("vocab_size", kVocab, unless_zero(defaults.vocab_size));
  config.n_kv_heads =
      fields.size("num_key_value_heads", kHeads, defaults.n_kv_heads == 0 ? config.n_heads : defaults.n_kv_heads);
  if (config.n_heads % config.n_kv_heads != 0) {
    fields.fail("num_key_value_heads",
                fmt::format("{} does not divide num_attention_heads {}", config.n_kv_heads, config.n_heads),
                "num_attention_heads must be a multiple of num_key_value_heads");
  }
  config.head_dim = read_head_dim(fields, config, defaults);
  if (config.head_dim % 2 != 0) {
    fields.fail("head_dim", fmt::format("{} is odd", config.head_dim), "rotary positions need an even head_dim");
  }
  config.norm = IB_NORM_RMS;
  config.norm_epsilon = fields.positive("rms_norm_eps", 1, 1e-6);
  config.activation = fields.activation(defaults.activation_key, defaults.activation);
  config.gated = true;
  config.learned_positions = config.qkv_bias = config.attn_out_bias = config.mlp_bias = false;
  config.tied_head = fields.boolean("tie_word_embeddings", defaults.tied_head);
  return config;
}

std::vector<StoredTensor> llama_like_tensors(const ModelConfig& config) {
  std::vector<StoredTensor> list;
  for (decoder::TensorSpec& spec : decoder::tensors(model_desc(config))) {
    StoredTensor stored{safetensors_tensor_name(spec.name, config.post_norm), {spec.shape[0]}, spec.role, {}};
    if (stored.name.empty()) throw std::logic_error(fmt::format("no checkpoint name for {}", spec.name));
    if (spec.rank == 2) stored.shape.push_back(spec.shape[1]);
    stored.views.push_back(
        {std::move(spec.name), 0, spec.rank, spec.shape,
         spec.rank == 2 ? std::array{spec.shape[1], std::int64_t{1}} : std::array{std::int64_t{1}, std::int64_t{0}}});
    list.push_back(std::move(stored));
  }
  return list;
}

bool is_rotary_buffer(std::string_view name) {
  return name == "rotary_emb.inv_freq" || name.ends_with(".rotary_emb.inv_freq");
}

}  // namespace inferbench
