// SPDX-License-Identifier: Apache-2.0
// Mistakes in activations, norms, soft caps, the residual stream and the MLP.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "conformance/mistake_lists.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

using Text = std::string;

double quick_gelu(double x) {
  return x / (1 + std::exp(-1.702 * x));
}
double identity(double x) {
  return x;
}

/// An activation: one of the header's, or another formula that a backend may use instead.
struct Activation {
  const char* id;
  const char* name;
  std::int32_t code = -1;                 ///< IB_ACTIVATION_*; -1: not in the header
  double (*formula)(double x) = nullptr;  ///< used if code is -1
};

constexpr Activation kActivations[] = {{"gelu_tanh", "the GELU with tanh (gelu_new)", IB_ACTIVATION_GELU_TANH},
                                       {"gelu_erf", "the GELU with erf (gelu)", IB_ACTIVATION_GELU_ERF},
                                       {"relu", "ReLU", IB_ACTIVATION_RELU},
                                       {"silu", "SiLU, x * sigmoid(x)", IB_ACTIVATION_SILU},
                                       {"quick_gelu", "quick-GELU, x * sigmoid(1.702 x)", -1, quick_gelu},
                                       {"none", "no activation", -1, identity}};

void take_for(Draft& draft, const Activation& activation) {
  if (activation.code >= 0) draft.desc.activation = activation.code;
  draft.formula.activation = activation.formula;
}

// One of the header's activations is mistaken for another one, or all of them are computed as one.
void add_activations(std::vector<Mistake>& all) {
  for (const Activation& wrong : kActivations) {
    for (const Activation& right : kActivations) {
      if (right.code < 0 || right.code == wrong.code) continue;
      all.push_back({fmt::format("activation.{}.{}", right.id, wrong.id),
                     fmt::format("the activation is {} where it should be {}", wrong.name, right.name),
                     [=](Draft& draft) {
                       if (draft.desc.activation == right.code) take_for(draft, wrong);
                     },
                     ""});
    }
    all.push_back({fmt::format("activation.always.{}", wrong.id),
                   fmt::format("the activation is {}, whatever the model says", wrong.name),
                   [=](Draft& draft) { take_for(draft, wrong); }, ""});
  }
}

void add_norms(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("norm.") + id, text, apply, ""});
  };
  for (const double epsilon : {1e-5, 1e-6}) {
    all.push_back({fmt::format("norm.epsilon_{:g}", epsilon), fmt::format("norm_epsilon is {:g}", epsilon),
                   [epsilon](Draft& draft) { draft.desc.norm_epsilon = epsilon; }, ""});
  }
  add("no_epsilon", "norms do not add norm_epsilon", [](Draft& draft) { draft.desc.norm_epsilon = 0; });
  add("epsilon_outside", "norm_epsilon is added after the square root",
      [](Draft& draft) { draft.formula.epsilon_under_root = false; });
  add("unbiased", "norms divide the squares by hidden_size - 1", [](Draft& draft) { draft.formula.lost_degrees = 1; });
  add("no_mean", "layer norms do not subtract the mean (RMS norm)",
      [](Draft& draft) { draft.formula.other_norm = draft.desc.norm == IB_NORM_LAYER; });
  add("mean", "RMS norms subtract the mean (layer norm)",
      [](Draft& draft) { draft.formula.other_norm = draft.desc.norm == IB_NORM_RMS; });
  add("plus_one", "norm weights are taken as 1 + weight", [](Draft& draft) {
    for (auto& [name, tensor] : draft.tensors) {
      if (!name.ends_with("norm.weight")) continue;
      for (double& value : tensor.values) value += 1;
    }
  });
  add("no_final", "the final norm is missing", [](Draft& draft) { draft.formula.final_norm = false; });
  add("no_final_weight", "final_norm.weight is ignored", [](Draft& draft) { draft.fill("final_norm.weight", 1); });
  add("no_final_bias", "final_norm.bias is ignored", [](Draft& draft) { draft.fill("final_norm.bias", 0); });
}

void add_post_norms(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("post_norm.") + id, text, apply, ""});
  };
  add("none", "post_norm is ignored: attention and MLP are added without a norm",
      [](Draft& draft) { draft.desc.post_norm = 0; });
  add("after_sum", "post_norm normalizes the sum with the residual stream",
      [](Draft& draft) { draft.formula.norm_after_sum = true; });
  add("swapped", "attn_post_norm and mlp_post_norm are swapped", [](Draft& draft) {
    for (std::int32_t i = 0; i < draft.desc.n_layers && draft.desc.post_norm != 0; ++i) {
      for (const char* part : {".weight", ".bias"}) {
        Tensor* const one = draft.find(decoder::layer_tensor_name(i, Text("attn_post_norm") + part));
        Tensor* const other = draft.find(decoder::layer_tensor_name(i, Text("mlp_post_norm") + part));
        if (one != nullptr && other != nullptr) std::swap(*one, *other);
      }
    }
  });
}

void add_caps(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("soft_cap.") + id, text, apply, ""});
  };
  add("no_attention", "attention_soft_cap is ignored", [](Draft& draft) { draft.desc.attention_soft_cap = 0; });
  add("before_scale", "attention scores are capped before attention_scale",
      [](Draft& draft) { draft.formula.cap_before_scale = true; });
  add("no_logit", "logit_soft_cap is ignored", [](Draft& draft) { draft.desc.logit_soft_cap = 0; });
  add("keeps_tanh", "soft caps are tanh(s / c), without the factor c",
      [](Draft& draft) { draft.formula.cap_keeps_tanh = true; });
}

void add_structure(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("structure.") + id, text, apply, ""});
  };
  add("no_attention_residual", "the residual sum around the attention is missing",
      [](Draft& draft) { draft.formula.attention_residual = false; });
  add("no_mlp_residual", "the residual sum around the MLP is missing",
      [](Draft& draft) { draft.formula.mlp_residual = false; });
  add("parallel", "the MLP reads the attention's input, without the attention's output added",
      [](Draft& draft) { draft.formula.parallel_blocks = true; });
  add("first_layer_again", "all layers use the weights of the first",
      [](Draft& draft) { draft.formula.weights_of = [](std::int32_t, std::int32_t) { return 0; }; });
  add("last_layer_skipped", "the last layer is skipped", [](Draft& draft) {
    draft.formula.weights_of = [](std::int32_t layer, std::int32_t n) { return layer + 1 < n ? layer : -1; };
  });
  add("reversed", "the layers are in reverse order", [](Draft& draft) {
    draft.formula.weights_of = [](std::int32_t layer, std::int32_t n) { return n - 1 - layer; };
  });
  add("head_is_embedding", "logits come from token_embedding.weight although the head is not tied (head.weight)",
      [](Draft& draft) { draft.formula.head_is_embedding = true; });
  add("scaled_embedding", "token embeddings are multiplied by sqrt(hidden_size), not by embedding_scale",
      [](Draft& draft) { draft.desc.embedding_scale = std::sqrt(static_cast<double>(draft.desc.hidden_size)); });
  add("unscaled_embedding", "embedding_scale is ignored", [](Draft& draft) { draft.desc.embedding_scale = 1; });
}

void add_gates(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, Gate gate) {
    all.push_back({Text("gate.") + id, text, [gate](Draft& draft) { draft.formula.gate = gate; }, ""});
  };
  add("swapped", "mlp_gate and mlp_up are swapped: the activation is applied to mlp_up", Gate::kSwapped);
  add("ignored", "mlp_gate is ignored", Gate::kIgnored);
  add("product", "the activation is applied to the product of mlp_gate and mlp_up", Gate::kProduct);
}

}  // namespace

void add_formula_mistakes(std::vector<Mistake>& all) {
  add_activations(all);
  add_norms(all);
  add_post_norms(all);
  add_caps(all);
  add_structure(all);
  add_gates(all);
}

}  // namespace inferbench::conformance
