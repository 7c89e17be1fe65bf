// SPDX-License-Identifier: Apache-2.0
// Mistakes in queries, keys, scores and masks.
#include <algorithm>
#include <cmath>
#include <utility>

#include "conformance/mistake_lists.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

using Text = std::string;

void add_qk_norms(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("qk_norm.") + id, text, apply, ""});
  };
  add("none", "qk_norm is ignored: queries and keys are not normalized", [](Draft& draft) { draft.desc.qk_norm = 0; });
  add("after_rotation", "queries and keys are normalized after rotation",
      [](Draft& draft) { draft.formula.qk_norm = QkNorm::kAfterRotation; });
  add("mean", "the norm of queries and keys subtracts the mean (it is an RMS norm)",
      [](Draft& draft) { draft.formula.qk_norm = QkNorm::kSubtractsMean; });
  add("all_heads", "queries and keys are normalized over all heads together",
      [](Draft& draft) { draft.formula.qk_norm = QkNorm::kAllHeads; });
  add("swapped", "attn_q_norm and attn_k_norm are swapped", [](Draft& draft) {
    for (std::int32_t i = 0; i < draft.desc.n_layers && draft.desc.qk_norm != 0; ++i) {
      std::swap(draft.tensors.at(decoder::layer_tensor_name(i, "attn_q_norm.weight")),
                draft.tensors.at(decoder::layer_tensor_name(i, "attn_k_norm.weight")));
    }
  });
}

void add_rotary(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("rotary.") + id, text, apply, ""});
  };
  add("none", "queries and keys are not rotated", [](Draft& draft) {
    for (ib_layer_desc& layer : draft.layers) layer.rotary_table = -1;
  });
  add("interleaved", "rotation pairs neighbouring values (2j with 2j + 1), not halves (j with j + head_dim/2)",
      [](Draft& draft) { draft.formula.rotation = Rotation::kInterleaved; });
  add("backwards", "rotation goes by the negative angle",
      [](Draft& draft) { draft.formula.rotation = Rotation::kBackwards; });
  add("only_queries", "keys are not rotated", [](Draft& draft) { draft.formula.rotation = Rotation::kOnlyQueries; });
  add("values", "values are rotated like keys", [](Draft& draft) { draft.formula.rotation = Rotation::kValuesToo; });
  add("no_scale", "rotary_scales are ignored",
      [](Draft& draft) { std::fill(draft.rotary_scales.begin(), draft.rotary_scales.end(), 1.0); });
  add("first_table", "every rotated layer uses the first rotary table", [](Draft& draft) {
    for (ib_layer_desc& layer : draft.layers) layer.rotary_table = std::min(layer.rotary_table, 0);
  });
  add("every_layer", "layers without a rotary table are rotated, too", [](Draft& draft) {
    for (ib_layer_desc& layer : draft.layers) {
      if (!draft.rotary_scales.empty()) layer.rotary_table = std::max(layer.rotary_table, 0);
    }
  });
}

void add_kv_heads(std::vector<Mistake>& all) {
  all.push_back({"kv_heads.modulo", "query head h uses key-value head h % n_kv_heads, not h / (n_heads / n_kv_heads)",
                 [](Draft& draft) {
                   draft.formula.kv_head = [](std::int32_t head, const ib_model_desc& desc) {
                     return head % desc.n_kv_heads;
                   };
                 },
                 ""});
  all.push_back({"kv_heads.first", "every query head uses the first key-value head",
                 [](Draft& draft) { draft.formula.kv_head = [](std::int32_t, const ib_model_desc&) { return 0; }; },
                 ""});
}

void add_windows(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(std::vector<ib_layer_desc>&)) {
    all.push_back({Text("window.") + id, text, [apply](Draft& draft) { apply(draft.layers); }, ""});
  };
  add("none", "windows are ignored", [](std::vector<ib_layer_desc>& layers) {
    for (ib_layer_desc& layer : layers) layer.window = 0;
  });
  add("wide", "windows are one position too wide", [](std::vector<ib_layer_desc>& layers) {
    for (ib_layer_desc& layer : layers) layer.window += layer.window > 0 ? 1 : 0;
  });
  add("narrow", "windows are one position too narrow", [](std::vector<ib_layer_desc>& layers) {
    for (ib_layer_desc& layer : layers) layer.window -= layer.window > 1 ? 1 : 0;
  });
  add("first_layers", "every layer has the window of the first", [](std::vector<ib_layer_desc>& layers) {
    for (ib_layer_desc& layer : layers) layer.window = layers.front().window;
  });
}

void add_scales(std::vector<Mistake>& all) {
  const auto scale = [&](const char* id, const char* text, double (*scale_of)(const ib_model_desc&)) {
    all.push_back({Text("attention.scale.") + id, text,
                   [scale_of](Draft& draft) {
                     for (ib_layer_desc& layer : draft.layers) layer.attention_scale = scale_of(draft.desc);
                   },
                   ""});
  };
  scale("none", "attention scores are not scaled", [](const ib_model_desc&) { return 1.0; });
  scale("by_hidden", "attention scores are scaled by 1/sqrt(hidden_size), not by attention_scale",
        [](const ib_model_desc& desc) { return 1 / std::sqrt(static_cast<double>(desc.hidden_size)); });
  scale("by_heads", "attention scores are scaled by 1/sqrt(n_heads), not by attention_scale",
        [](const ib_model_desc& desc) { return 1 / std::sqrt(static_cast<double>(desc.n_heads)); });
  scale("by_head_dim", "attention scores are scaled by 1/sqrt(head_dim), whatever attention_scale says",
        [](const ib_model_desc& desc) { return 1 / std::sqrt(static_cast<double>(desc.head_dim)); });
  scale("by_hidden_per_head", "attention scores are scaled by 1/sqrt(hidden_size/n_heads), not by attention_scale",
        [](const ib_model_desc& desc) { return std::sqrt(static_cast<double>(desc.n_heads) / desc.hidden_size); });
  scale("without_root", "attention scores are scaled by 1/head_dim, without the root",
        [](const ib_model_desc& desc) { return 1.0 / desc.head_dim; });
  all.push_back({"attention.scale.same_in_layers", "every layer has the attention_scale of the first",
                 [](Draft& draft) {
                   for (ib_layer_desc& layer : draft.layers) {
                     layer.attention_scale = draft.layers.front().attention_scale;
                   }
                 },
                 ""});
}

void add_masks(std::vector<Mistake>& all) {
  const auto change = [&](const char* id, const char* text, Mask mask) {
    all.push_back({Text("attention.mask.") + id, text, [mask](Draft& draft) { draft.formula.mask = mask; }, ""});
  };
  change("none", "there is no causal mask: tokens attend to later ones of their call", Mask::kNone);
  change("zeroed", "the causal mask sets scores to 0 instead of minus infinity", Mask::kZeroed);
  change("not_self", "the causal mask hides a token from itself", Mask::kNotSelf);
  change("one_call", "tokens do not attend to those of earlier calls", Mask::kOneCall);
}

}  // namespace

void add_attention_mistakes(std::vector<Mistake>& all) {
  add_qk_norms(all);
  add_rotary(all);
  add_kv_heads(all);
  add_windows(all);
  add_scales(all);
  add_masks(all);
}

}  // namespace inferbench::conformance
