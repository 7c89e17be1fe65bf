// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "conformance/case_weights.hpp"
#include "conformance/cases.hpp"

namespace inferbench::conformance {

namespace {

const std::vector<Step> kOneCall{{14}};
const std::vector<Step> kFewCalls{{12}, {1}, {3}};
// Rewinds to where the sequence is short, so that an error there has a large effect on later tokens.
const std::vector<Step> kRewinds{{14}, {1}, {1}, {5}, {2, 3}, {1}, {8}};

constexpr const char* activation_name(std::int32_t activation) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return "gelu_new";
    case IB_ACTIVATION_GELU_ERF:
      return "gelu";
    case IB_ACTIVATION_RELU:
      return "relu";
    default:
      return "silu";
  }
}

/// Collects cases. `with` gives the plain model with a change.
class CaseList {
 public:
  explicit CaseList(std::uint64_t features) : features_(features), plain_(plain_config(features)) {}

  bool has(std::uint64_t feature) const { return (features_ & feature) != 0; }
  std::uint64_t features() const { return features_; }
  const ModelConfig& plain() const { return plain_; }
  template <typename Change>
  ModelConfig with(Change change) const {
    ModelConfig config = plain_;
    change(config);
    return config;
  }
  void add(Case one) { list_.push_back(std::move(one)); }
  std::vector<Case> take() { return std::move(list_); }

 private:
  std::uint64_t features_;
  ModelConfig plain_;
  std::vector<Case> list_;
};

void add_block_cases(CaseList& list) {
  const ModelConfig& plain = list.plain();
  list.add({"embedding", "the embeddings, the final norm or the head", plain, {no_blocks}, kOneCall});
  list.add({"even attention",
            "the attention's values, its mask or its output projection (layer 0)",
            plain,
            {only_attention_0, even_attention},
            kOneCall});
  list.add({"attention",
            "the attention's scores: queries, keys, their scale or their mask (layer 0)",
            plain,
            {only_attention_0},
            kOneCall});
  list.add({"mlp", "the MLP: mlp_norm, mlp_up, the activation or mlp_down (layer 0)", plain, {only_mlp_0}, kOneCall});
  list.add({"last attention", "the attention of layer 1, not that of layer 0", plain, {only_attention_1}, kOneCall});
  list.add({"last mlp", "the MLP of layer 1, not that of layer 0", plain, {only_mlp_1}, kOneCall});
}

void add_activation_cases(CaseList& list) {
  for (const std::int32_t activation : declared_activations(list.features())) {
    const std::string name = activation_name(activation);
    const ModelConfig config = list.with([=](ModelConfig& changed) {
      changed.activation = activation;
      changed.tied_head = false;
    });
    list.add({"activation " + name, "the activation " + name, config, {constant_activation}, {{8}}, true, 16});
  }
}

void add_norm_cases(CaseList& list) {
  const ModelConfig& plain = list.plain();
  const ModelConfig wide_epsilon = list.with([](ModelConfig& config) { config.norm_epsilon = 0.5; });
  list.add({"final_norm's epsilon", "norm_epsilon in the final norm", plain, {no_blocks, small_embeddings}, kOneCall});
  list.add({"attn_norm's epsilon", "norm_epsilon in attn_norm", plain, {only_attention_0, small_embeddings}, kOneCall});
  list.add({"mlp_norm's epsilon", "norm_epsilon in mlp_norm", plain, {only_mlp_0, small_embeddings}, kOneCall});
  list.add({"wide epsilon", "a norm_epsilon other than 1e-5", wide_epsilon, {}, kOneCall});
  if (plain.norm == IB_NORM_LAYER) {
    const ModelConfig untied = list.with([](ModelConfig& config) { config.tied_head = false; });
    list.add({"variance", "the variance in the layer norms", untied, {exact_variance}, kOneCall, true, 64});
  }
  if (list.has(IB_FEATURE_RMS_NORM) && plain.norm != IB_NORM_RMS) {
    const ModelConfig rms = list.with([](ModelConfig& config) { config.norm = IB_NORM_RMS; });
    list.add({"RMS norm", "the RMS norms", rms, {no_blocks}, kOneCall});
    list.add({"RMS norm's epsilon", "norm_epsilon in RMS norms", rms, {no_blocks, small_embeddings}, kOneCall});
  }
  if (list.has(IB_FEATURE_POST_NORM)) {
    const ModelConfig post = list.with([](ModelConfig& config) { config.post_norm = true; });
    list.add({"attn_post_norm", "the norm after the attention (post_norm)", post, {only_attention_0}, kOneCall});
    list.add({"mlp_post_norm", "the norm after the MLP (post_norm)", post, {only_mlp_0}, kOneCall});
    list.add({"later attn_post_norm", "attn_post_norm of layer 1", post, {only_attention_1}, kOneCall});
    list.add({"later mlp_post_norm", "mlp_post_norm of layer 1", post, {only_mlp_1}, kOneCall});
  }
}

void add_attention_cases(CaseList& list) {
  // No formula of the sizes gives these scales. RMS norms without a bias make large scores, so that only a small scale
  // matters.
  const ModelConfig scales = list.with([](ModelConfig& config) {
    config.n_heads = config.n_kv_heads = 2;
    set_head_dim(config, 32);
    config.layers[0].attention_scale = 0.3;
    config.layers[1].attention_scale = config.norm == IB_NORM_RMS ? 0.02 : 0.09;
  });
  const ModelConfig unscaled = list.with([](ModelConfig& config) {
    for (ib_layer_desc& layer : config.layers) layer.attention_scale = 1;
  });
  list.add({"attention scales", "each layer's own attention_scale", scales, {only_attention_1}, kOneCall});
  list.add({"unscaled", "an attention_scale other than 1/sqrt(head_dim)", unscaled, {small_scores}, kOneCall});
  if (list.has(IB_FEATURE_GROUPED_HEADS)) {
    const ModelConfig grouped = list.with([](ModelConfig& config) { config.n_kv_heads = 2; });
    list.add({"grouped heads", "which key-value head a query head uses", grouped, {only_attention_0}, kOneCall});
  }
  if (list.has(IB_FEATURE_FREE_HEAD_DIM)) {
    const ModelConfig free = list.with([](ModelConfig& config) { set_head_dim(config, 32); });
    list.add({"head_dim", "heads whose size is not hidden_size / n_heads", free, {only_attention_0}, kOneCall});
  }
  if (list.has(IB_FEATURE_WINDOW)) {
    const ModelConfig window = list.with([](ModelConfig& config) { config.layers[0].window = 5; });
    const ModelConfig later = list.with([](ModelConfig& config) { config.layers[1].window = 5; });
    list.add({"window", "the sliding window", window, {only_attention_0, even_attention}, kOneCall});
    list.add({"window in calls", "the sliding window over several calls", window, {only_attention_0}, kRewinds});
    list.add({"later window", "the sliding window of layer 1", later, {only_attention_1}, kOneCall});
  }
  if (list.has(IB_FEATURE_ATTENTION_SOFT_CAP)) {
    const ModelConfig capped = list.with([](ModelConfig& config) { config.attention_soft_cap = 0.75; });
    list.add({"attention_soft_cap", "the soft cap of attention scores", capped, {only_attention_0}, kOneCall});
  }
}

void add_rotation_cases(CaseList& list) {
  const ModelConfig rotary = list.with([](ModelConfig& config) { set_rotary(config, {1.5}); });
  const ModelConfig tables = list.with([](ModelConfig& config) { set_rotary(config, {1, 1.25}); });
  const ModelConfig only_last = list.with([](ModelConfig& config) {
    set_rotary(config, {1});
    config.layers[0].rotary_table = -1;
  });
  if (list.has(IB_FEATURE_ROTARY)) {
    list.add({"rotary", "the rotation of queries and keys (layer 0)", rotary, {only_attention_0}, kOneCall});
    list.add({"rotary in calls", "the rotation over several calls", rotary, {only_attention_0}, kRewinds});
    list.add({"second rotary table", "which rotary table a layer uses", tables, {only_attention_1}, kOneCall});
    list.add({"unrotated layer", "a layer without rotation", only_last, {only_attention_0}, kOneCall});
  }
  if (list.has(IB_FEATURE_QK_NORM)) {
    ModelConfig norm = list.has(IB_FEATURE_ROTARY) ? rotary : list.plain();
    norm.qk_norm = true;
    for (ib_layer_desc& layer : norm.layers) layer.attention_scale *= norm.norm == IB_NORM_RMS ? 2 : 1;
    list.add({"qk_norm", "the norm of queries and keys", norm, {only_attention_0}, kOneCall});
    list.add({"later qk_norm", "the norm of queries and keys of layer 1", norm, {only_attention_1}, kOneCall});
  }
}

void add_other_cases(CaseList& list) {
  const ModelConfig& plain = list.plain();
  if (list.has(IB_FEATURE_GATED_MLP) && !plain.gated) {
    const ModelConfig gated = list.with([](ModelConfig& config) { config.gated = true; });
    list.add({"gated mlp", "the gate of the MLP", gated, {only_mlp_0}, kOneCall});
    list.add({"later gated mlp", "the gate of the MLP of layer 1", gated, {only_mlp_1}, kOneCall});
  }
  if (list.has(IB_FEATURE_EMBEDDING_SCALE)) {
    const ModelConfig scaled = list.with([](ModelConfig& config) { config.embedding_scale = 3; });
    list.add({"embedding_scale", "embedding_scale", scaled, {only_mlp_0}, kOneCall});
  }
  if (list.has(IB_FEATURE_LOGIT_SOFT_CAP)) {
    const ModelConfig capped = list.with([](ModelConfig& config) { config.logit_soft_cap = 2; });
    list.add({"logit_soft_cap", "the soft cap of logits", capped, {no_blocks}, kOneCall});
  }
  const ModelConfig untied = list.with([](ModelConfig& config) { config.tied_head = false; });
  list.add({"untied head", "an untied head", untied, {}, kOneCall});
  list.add(
      {"calls", "the positions or the cache of a sequence fed in several calls", plain, {only_attention_0}, kFewCalls});
  list.add(
      {"rewinds", "the positions or the cache of a sequence after a truncate", plain, {only_attention_0}, kRewinds});
  list.add({"whole", "the residual sums, or the order of the layers", plain, {}, kRewinds});
  list.add({"all features", "features that come together", full_config(list.features()), {}, kRewinds});
}

}  // namespace

std::vector<Case> cases(std::uint64_t features) {
  CaseList list(features);
  add_block_cases(list);
  add_activation_cases(list);
  add_norm_cases(list);
  add_attention_cases(list);
  add_rotation_cases(list);
  add_other_cases(list);
  return list.take();
}

std::vector<Case> long_cases(std::uint64_t features) {
  const ModelConfig plain = plain_config(features);
  const auto length = static_cast<std::size_t>(plain.max_positions);
  return {{"long", "long sequences", plain, {}, {{length}}, false},
          {"long in calls", "long sequences in several calls", plain, {}, {{16}, {16}, {1}, {31}, {1}, {40}}, false},
          {"long, all features", "long sequences with all features", full_config(features), {}, {{length}}, false}};
}

}  // namespace inferbench::conformance
