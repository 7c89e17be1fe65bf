// SPDX-License-Identifier: Apache-2.0
// GPT-2. Its checkpoints store linear weights as [inputs, outputs], with query, key and value in one.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/families/families.hpp"

namespace inferbench {
namespace {

using decoder::TensorRole;

constexpr std::array<std::string_view, 1> kGpt2Types = {"gpt2"};
constexpr std::array<std::string_view, 2> kGpt2Architectures = {"GPT2LMHeadModel", "GPT2Model"};

// Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", as published on the Hugging Face hub.
constexpr std::array<SyntheticShape, 4> kGpt2Shapes = {{
    {"gpt2", R"({"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768,
                 "n_positions": 1024, "vocab_size": 50257, "eos_token_id": 50256})"},
    {"gpt2-medium", R"({"model_type": "gpt2", "n_layer": 24, "n_head": 16, "n_embd": 1024,
                        "n_positions": 1024, "vocab_size": 50257, "eos_token_id": 50256})"},
    {"gpt2-large", R"({"model_type": "gpt2", "n_layer": 36, "n_head": 20, "n_embd": 1280,
                       "n_positions": 1024, "vocab_size": 50257, "eos_token_id": 50256})"},
    {"gpt2-xl", R"({"model_type": "gpt2", "n_layer": 48, "n_head": 25, "n_embd": 1600,
                    "n_positions": 1024, "vocab_size": 50257, "eos_token_id": 50256})"},
}};

void set_attention_scales(ModelConfig& config, const ConfigFields& fields) {
  const bool scaled = fields.boolean("scale_attn_weights", true);
  const bool by_layer = fields.boolean("scale_attn_by_inverse_layer_idx", false);
  set_like_layers(config);
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    double& scale = config.layers[i].attention_scale;
    if (!scaled) scale = 1;
    if (by_layer) scale /= static_cast<double>(i + 1);
  }
}

ModelConfig read_gpt2_config(const ConfigFields& fields) {
  using namespace config_limits;
  ModelConfig config;
  config.n_layers = fields.aliased_size("n_layer", "num_hidden_layers", kLayers);
  config.n_heads = config.n_kv_heads = fields.aliased_size("n_head", "num_attention_heads", kHeads);
  config.hidden_size = fields.aliased_size("n_embd", "hidden_size", kHidden);
  config.max_positions = fields.aliased_size("n_positions", "max_position_embeddings", kPositions);
  config.vocab_size = fields.size("vocab_size", kVocab);
  config.intermediate_size = fields.size("n_inner", kIntermediate, 4 * config.hidden_size);
  if (config.hidden_size % config.n_heads != 0) {
    fields.fail("n_head", fmt::format("n_head {} does not divide n_embd {}", config.n_heads, config.hidden_size),
                "n_embd must be a multiple of n_head");
  }
  config.head_dim = config.hidden_size / config.n_heads;
  if (config.head_dim > kHeadDim) {
    fields.fail("n_head", fmt::format("makes heads of size {}", config.head_dim),
                fmt::format("at most {} are accepted", kHeadDim));
  }
  if (const nlohmann::json* n_ctx = fields.find("n_ctx"); n_ctx != nullptr && *n_ctx != config.max_positions) {
    fields.fail("n_ctx", fmt::format("is {}, but n_positions is {}", shown(*n_ctx), config.max_positions),
                "make them equal");
  }
  if (const nlohmann::json* pruned = fields.find("pruned_heads"); pruned != nullptr && !pruned->empty()) {
    fields.fail("pruned_heads", "pruned heads are not supported", "give the checkpoint with all heads");
  }
  config.activation = fields.activation("activation_function", IB_ACTIVATION_GELU_TANH);
  config.tied_head = fields.boolean("tie_word_embeddings", true);
  config.norm_epsilon = fields.positive("layer_norm_epsilon", 1, 1e-5);
  set_attention_scales(config, fields);
  return config;
}

class Gpt2Tensors {
 public:
  explicit Gpt2Tensors(const ModelConfig& config) : config_(config) {}

  std::vector<StoredTensor> list() {
    const std::int64_t hidden = config_.hidden_size;
    add_table("wte.weight", "token_embedding.weight", config_.vocab_size, TensorRole::kTokenEmbedding);
    add_table("wpe.weight", "position_embedding.weight", config_.max_positions, TensorRole::kPositionEmbedding);
    for (std::int32_t layer = 0; layer < config_.n_layers; ++layer) {
      stored_prefix_ = fmt::format("h.{}.", layer);
      prefix_ = decoder::layer_tensor_name(layer, "");
      add_norm("ln_1", "attn_norm");
      add_linear("attn.c_attn", {"attn_q", "attn_k", "attn_v"}, hidden, hidden);
      add_linear("attn.c_proj", {"attn_out"}, hidden, hidden);
      add_norm("ln_2", "mlp_norm");
      add_linear("mlp.c_fc", {"mlp_up"}, hidden, config_.intermediate_size);
      add_linear("mlp.c_proj", {"mlp_down"}, config_.intermediate_size, hidden);
    }
    stored_prefix_ = prefix_ = "";
    add_norm("ln_f", "final_norm");
    if (!config_.tied_head) add_table("lm_head.weight", "head.weight", config_.vocab_size, TensorRole::kHead);
    return std::move(list_);
  }

 private:
  void add_table(const char* stored, const char* name, std::int64_t rows, TensorRole role) {
    const std::int64_t hidden = config_.hidden_size;
    list_.push_back({stored, {rows, hidden}, role, {{name, 0, 2, {rows, hidden}, {hidden, 1}}}});
  }

  void add_vectors(const std::string& stored, std::span<const std::string> names, std::int64_t n, TensorRole role) {
    const auto n_names = static_cast<std::int64_t>(names.size());
    StoredTensor tensor{stored_prefix_ + stored, {n_names * n}, role, {}};
    for (std::int64_t i = 0; i < n_names; ++i) {
      tensor.views.push_back({prefix_ + names[static_cast<std::size_t>(i)], i * n, 1, {n, 0}, {1, 0}});
    }
    list_.push_back(std::move(tensor));
  }

  void add_norm(const std::string& stored, const std::string& name) {
    add_vectors(stored + ".weight", std::vector{name + ".weight"}, config_.hidden_size, TensorRole::kNormWeight);
    add_vectors(stored + ".bias", std::vector{name + ".bias"}, config_.hidden_size, TensorRole::kNormBias);
  }

  // Linear layers with the same inputs, their outputs side by side in each row.
  void add_linear(const std::string& stored, const std::vector<std::string>& names, std::int64_t inputs,
                  std::int64_t outputs) {
    const std::int64_t row = outputs * static_cast<std::int64_t>(names.size());
    StoredTensor weight{stored_prefix_ + stored + ".weight", {inputs, row}, TensorRole::kLinearWeight, {}};
    std::vector<std::string> biases;
    for (const std::string& name : names) {
      const std::int64_t offset = outputs * static_cast<std::int64_t>(biases.size());
      weight.views.push_back({prefix_ + name + ".weight", offset, 2, {outputs, inputs}, {1, row}});
      biases.push_back(name + ".bias");
    }
    list_.push_back(std::move(weight));
    add_vectors(stored + ".bias", biases, outputs, TensorRole::kLinearBias);
  }

  const ModelConfig& config_;
  std::string stored_prefix_;
  std::string prefix_;
  std::vector<StoredTensor> list_;
};

std::vector<StoredTensor> gpt2_tensors(const ModelConfig& config) {
  return Gpt2Tensors(config).list();
}

// Original checkpoints store the causal masks as h.{i}.attn.bias and h.{i}.attn.masked_bias.
bool is_mask_buffer(std::string_view name) {
  if (!name.starts_with("h.")) return false;
  name.remove_prefix(2);
  const std::size_t end = name.find_first_not_of("0123456789");
  if (end == 0 || end == std::string_view::npos) return false;
  const std::string_view rest = name.substr(end);
  return rest == ".attn.bias" || rest == ".attn.masked_bias";
}

}  // namespace

constinit const Family kGpt2Family = {"GPT-2",      kGpt2Types,     kGpt2Architectures, read_gpt2_config,
                                      gpt2_tensors, is_mask_buffer, kGpt2Shapes,        0.12F};

}  // namespace inferbench
