// SPDX-License-Identifier: Apache-2.0
#include "conformance/mistakes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench::conformance {

namespace {

using Text = std::string;

// ---- mistakes in formulas ----

double quick_gelu(double x) {
  return x / (1 + std::exp(-1.702 * x));
}
double silu(double x) {
  return x / (1 + std::exp(-x));
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
                                       {"quick_gelu", "quick-GELU, x * sigmoid(1.702 x)", -1, quick_gelu},
                                       {"silu", "SiLU, x * sigmoid(x)", -1, silu},
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
  for (const double epsilon : {1e-5, 1e-6, 1e-12}) {
    all.push_back({fmt::format("norm.epsilon_{:g}", epsilon), fmt::format("layer_norm_epsilon is {:g}", epsilon),
                   [epsilon](Draft& draft) { draft.desc.layer_norm_epsilon = epsilon; }, ""});
  }
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("norm.") + id, text, apply, ""});
  };
  add("epsilon_outside", "layer_norm_epsilon is added after the square root",
      [](Draft& draft) { draft.formula.epsilon_under_root = false; });
  add("unbiased", "layer norms divide the variance by width - 1", [](Draft& draft) { draft.formula.lost_degrees = 1; });
  add("no_mean", "layer norms do not subtract the mean (RMS norm)",
      [](Draft& draft) { draft.formula.norm_subtracts_mean = false; });
  add("no_final", "the final norm ln_f is missing", [](Draft& draft) { draft.formula.final_norm = false; });
  add("no_final_weight", "ln_f.weight is ignored",
      [](Draft& draft) { std::fill(draft.tensors["ln_f.weight"].begin(), draft.tensors["ln_f.weight"].end(), 1.0); });
  add("no_final_bias", "ln_f.bias is ignored",
      [](Draft& draft) { std::fill(draft.tensors["ln_f.bias"].begin(), draft.tensors["ln_f.bias"].end(), 0.0); });
}

using Scale = double (*)(const ib_model_desc&, std::int32_t);

// Applies the model's scaling flags. `usual` replaces 1/sqrt(width/n_heads).
double scale_with(const ib_model_desc& desc, std::int32_t layer, double usual) {
  const double by_layer = desc.scale_attn_by_inverse_layer != 0 ? 1.0 / (layer + 1) : 1.0;
  return (desc.scale_attn_weights != 0 ? usual : 1.0) * by_layer;
}

void add_attention(std::vector<Mistake>& all) {
  const auto scale = [&](const char* id, const char* text, Scale apply) {
    all.push_back(
        {Text("attention.scale.") + id, text, [apply](Draft& draft) { draft.formula.attention_scale = apply; }, ""});
  };
  scale("none", "attention scores are not scaled",
        [](const ib_model_desc& desc, std::int32_t layer) { return scale_with(desc, layer, 1.0); });
  scale("by_width", "attention scores are scaled by 1/sqrt(width) instead of 1/sqrt(width/n_heads)",
        [](const ib_model_desc& desc, std::int32_t layer) {
          return scale_with(desc, layer, 1 / std::sqrt(static_cast<double>(desc.width)));
        });
  scale("by_heads", "attention scores are scaled by 1/sqrt(n_heads) instead of 1/sqrt(width/n_heads)",
        [](const ib_model_desc& desc, std::int32_t layer) {
          return scale_with(desc, layer, 1 / std::sqrt(static_cast<double>(desc.n_heads)));
        });
  scale("without_root", "attention scores are scaled by 1/(width/n_heads), without the root",
        [](const ib_model_desc& desc, std::int32_t layer) {
          return scale_with(desc, layer, static_cast<double>(desc.n_heads) / desc.width);
        });
  const auto change = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("attention.") + id, text, apply, ""});
  };
  change("scale.always", "scale_attn_weights = 0 is ignored", [](Draft& draft) { draft.desc.scale_attn_weights = 1; });
  change("scale.same_in_layers", "scale_attn_by_inverse_layer is ignored",
         [](Draft& draft) { draft.desc.scale_attn_by_inverse_layer = 0; });
  change("mask.none", "there is no causal mask: tokens attend to later ones of their call",
         [](Draft& draft) { draft.formula.mask = Mask::kNone; });
  change("mask.zeroed", "the causal mask sets scores to 0 instead of minus infinity",
         [](Draft& draft) { draft.formula.mask = Mask::kZeroed; });
  change("mask.not_self", "the causal mask hides a token from itself",
         [](Draft& draft) { draft.formula.mask = Mask::kNotSelf; });
  change("mask.one_call", "tokens do not attend to those of earlier calls",
         [](Draft& draft) { draft.formula.mask = Mask::kOneCall; });
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
  add("reversed", "the layers' weights are in reverse order", [](Draft& draft) {
    draft.formula.weights_of = [](std::int32_t layer, std::int32_t n) { return n - 1 - layer; };
  });
  add("head_is_embedding", "logits come from wte.weight although the head is not tied (lm_head.weight)",
      [](Draft& draft) { draft.formula.head_is_embedding = true; });
  add("scaled_embedding", "token embeddings are multiplied by sqrt(width)",
      [](Draft& draft) { draft.formula.embedding_scale = std::sqrt(static_cast<double>(draft.desc.width)); });
}

// ---- mistakes in sequences ----

void add_positions(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, std::int32_t (*position)(const Place&)) {
    all.push_back({Text("position.") + id, text, [position](Draft& draft) { draft.formula.position = position; }, ""});
  };
  add("none", "wpe.weight is not added", [](const Place&) { return -1; });
  add("late", "positions begin at 1 instead of 0", [](const Place& at) { return at.past + at.index + 1; });
  add("early", "positions are one too low", [](const Place& at) { return std::max(at.past + at.index - 1, 0); });
  add("restart", "positions begin at 0 again in every call", [](const Place& at) { return at.index; });
  add("late_in_later_calls", "positions are one too high in every call but the first",
      [](const Place& at) { return at.past + at.index + (at.past > 0 ? 1 : 0); });
  add("early_in_later_calls", "positions are one too low in every call but the first",
      [](const Place& at) { return at.past + at.index - (at.past > 0 ? 1 : 0); });
  add("later_with_each_call", "positions drift by one with every call",
      [](const Place& at) { return at.past + at.index + at.n_calls; });
  add("not_rewound", "truncate does not rewind the positions",
      [](const Place& at) { return std::max(at.past, at.highest) + at.index; });
}

void add_positions_from(std::vector<Mistake>& all, std::int32_t from) {
  const auto add = [&](const char* id, const Text& text, auto position) {
    all.push_back({fmt::format("position.{}@{}", id, from), text,
                   [=](Draft& draft) { draft.formula.position = [=](const Place& at) { return position(at, from); }; },
                   ""});
  };
  using P = const Place&;
  add("late_from", fmt::format("positions are one too high from position {} on", from),
      [](P at, std::int32_t n) { return at.past + at.index + (at.past + at.index >= n ? 1 : 0); });
  add("early_from", fmt::format("positions are one too low from position {} on", from),
      [](P at, std::int32_t n) { return at.past + at.index - (at.past + at.index >= n ? 1 : 0); });
  add("late_from_token", fmt::format("positions are one too high from token {} of a call on", from),
      [](P at, std::int32_t n) { return at.past + at.index + (at.index >= n ? 1 : 0); });
  add("early_from_token", fmt::format("positions are one too low from token {} of a call on", from),
      [](P at, std::int32_t n) { return at.past + at.index - (at.index >= n ? 1 : 0); });
  add("later_every", fmt::format("positions drift by one with every {} of a call", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index + at.index / n; });
  add("restart_every", fmt::format("positions restart with every {} of a call", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index % n; });
  add("late_calls_from", fmt::format("positions are one too high in calls after the first {}", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index + (at.past >= n ? 1 : 0); });
  add("early_calls_from", fmt::format("positions are one too low in calls after the first {}", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index - (at.past >= n ? 1 : 0); });
}

void add_cache(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("cache.") + id, text, apply, ""});
  };
  add("overwrites", "each call overwrites the last cache entry of the call before",
      [](Draft& draft) { draft.formula.cache_shift = -1; });
  add("leaves_a_gap", "each call leaves a gap of one cache entry after the call before",
      [](Draft& draft) { draft.formula.cache_shift = 1; });
  add("stale_first", "the cache is stale after a truncate: its first rewound entry comes back",
      [](Draft& draft) { draft.formula.stale = Stale::kFirst; });
  add("stale_all", "the cache is stale after a truncate: rewound entries come back",
      [](Draft& draft) { draft.formula.stale = Stale::kAll; });
  add("stale_not_written", "the cache is stale after a truncate: rewound entries are not written again",
      [](Draft& draft) { draft.formula.stale = Stale::kNoWrite; });
  add("truncate_ignored", "truncate changes nothing: later tokens still attend to the rewound ones",
      [](Draft& draft) { draft.formula.truncate_is_ignored = true; });
}

// ---- mistakes in one weight ----

// Changes a layer's weights; `prefix` is, for example, "h.0.".
using LayerChange = std::function<void(Draft&, const Text& prefix)>;

// Reads the memory of a matrix [inputs, outputs] as [outputs, inputs].
void read_transposed(Draft& draft, const Text& name) {
  reference::Values& matrix = draft.tensors[name + ".weight"];
  const std::size_t outputs = draft.tensors[name + ".bias"].size();
  const std::size_t inputs = matrix.size() / outputs;
  reference::Values read(matrix.size());
  for (std::size_t in = 0; in < inputs; ++in) {
    for (std::size_t out = 0; out < outputs; ++out) read[in * outputs + out] = matrix[out * inputs + in];
  }
  matrix = std::move(read);
}

// Reads column c of c_attn and of its bias from column `from(c)`.
void read_columns(Draft& draft, const Text& prefix, const std::function<std::size_t(std::size_t)>& from) {
  for (const char* name : {"attn.c_attn.weight", "attn.c_attn.bias"}) {
    reference::Values& values = draft.tensors[prefix + name];
    const std::size_t columns = 3 * static_cast<std::size_t>(draft.desc.width);
    reference::Values read(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) read[i] = values[i - i % columns + from(i % columns)];
    values = std::move(read);
  }
}

// Swaps thirds a and b of c_attn.
LayerChange swapped_thirds(std::size_t a, std::size_t b) {
  return [a, b](Draft& draft, const Text& prefix) {
    const auto width = static_cast<std::size_t>(draft.desc.width);
    read_columns(draft, prefix, [=](std::size_t c) {
      const std::size_t third = c / width;
      return (third == a ? b : third == b ? a : third) * width + c % width;
    });
  };
}

void interleave_heads(Draft& draft, const Text& prefix) {
  const auto width = static_cast<std::size_t>(draft.desc.width);
  const std::size_t head = width / static_cast<std::size_t>(draft.desc.n_heads);
  read_columns(draft, prefix, [=](std::size_t c) { return c % width / head * 3 * head + c / width * head + c % head; });
}

void interleave_dimensions(Draft& draft, const Text& prefix) {
  const auto width = static_cast<std::size_t>(draft.desc.width);
  const auto heads = static_cast<std::size_t>(draft.desc.n_heads);
  const std::size_t head = width / heads;
  read_columns(draft, prefix, [=](std::size_t c) { return c / width * width + c % head * heads + c % width / head; });
}

void add_to_layers(std::vector<Mistake>& all, const Text& id, const Text& text, const LayerChange& change) {
  const auto add = [&](const char* suffix, const char* where, auto is_meant) {
    all.push_back({id + suffix, text + where,
                   [=](Draft& draft) {
                     for (std::int32_t i = 0; i < draft.desc.n_layers; ++i) {
                       if (is_meant(i, draft.desc.n_layers)) change(draft, "h." + std::to_string(i) + ".");
                     }
                   },
                   ""});
  };
  add("", "", [](std::int32_t, std::int32_t) { return true; });
  add(".first", ", in the first layer only", [](std::int32_t i, std::int32_t) { return i == 0; });
  add(".last", ", in the last layer only", [](std::int32_t i, std::int32_t n) { return i == n - 1; });
}

void add_weights(std::vector<Mistake>& all) {
  for (const char* name : {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"}) {
    add_to_layers(all, Text("transposed.") + name,
                  Text(name) + ".weight is read as [out, in] (the ABI passes it as [in, out])",
                  [=](Draft& draft, const Text& prefix) { read_transposed(draft, prefix + name); });
    add_to_layers(all, Text("no_bias.") + name, Text(name) + ".bias is not added",
                  [=](Draft& draft, const Text& prefix) {
                    reference::Values& bias = draft.tensors[prefix + name + ".bias"];
                    std::fill(bias.begin(), bias.end(), 0.0);
                  });
  }
  add_to_layers(all, "swapped.q_k", "queries and keys are swapped in attn.c_attn", swapped_thirds(0, 1));
  add_to_layers(all, "swapped.k_v", "keys and values are swapped in attn.c_attn", swapped_thirds(1, 2));
  add_to_layers(all, "swapped.q_v", "queries and values are swapped in attn.c_attn", swapped_thirds(0, 2));
  add_to_layers(all, "heads.interleaved", "attn.c_attn is read as [heads, 3, head], not as [3, heads, head]",
                interleave_heads);
  add_to_layers(all, "heads.strided", "heads take every n_heads-th column of attn.c_attn, not consecutive ones",
                interleave_dimensions);
  for (const char* norm : {"ln_1", "ln_2"}) {
    for (const auto& [part, neutral] : {std::pair{".weight", 1.0}, std::pair{".bias", 0.0}}) {
      add_to_layers(all, Text("norm.no_") + norm + part, Text(norm) + part + " is ignored",
                    [norm, part = part, neutral = neutral](Draft& draft, const Text& prefix) {
                      reference::Values& values = draft.tensors[prefix + norm + part];
                      std::fill(values.begin(), values.end(), neutral);
                    });
    }
  }
  add_to_layers(all, "norm.swapped", "ln_1 and ln_2 are swapped", [](Draft& draft, const Text& prefix) {
    for (const char* part : {".weight", ".bias"}) {
      std::swap(draft.tensors[prefix + "ln_1" + part], draft.tensors[prefix + "ln_2" + part]);
    }
  });
}

// ---- lower precision ----

// Rounds to `bits` significant bits, to nearest, ties to even.
template <int bits>
void round_all(std::span<double> values) {
  for (double& value : values) {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    value = std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
  }
}

constexpr int kBf16Bits = 8;
constexpr int kFp16Bits = 11;

template <int bits>
void round_weights(Draft& draft) {
  for (auto& [name, values] : draft.tensors) round_all<bits>(values);
}

// Rounds to integers of magnitude up to `most`, with one scale for these values.
template <int most>
void to_integers(std::span<double> values) {
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, std::abs(value));
  const double scale = greatest / most;
  for (double& value : values) value = scale == 0 ? 0 : std::nearbyint(value / scale) * scale;
}

// Rounds linear weights and the head, with one scale per output channel and 32 inputs.
template <int most>
void quantize_weights(Draft& draft) {
  constexpr std::size_t kGroup = 32;
  for (auto& [name, values] : draft.tensors) {
    const bool is_head = name == (draft.desc.tied_head != 0 ? "wte.weight" : "lm_head.weight");
    const bool is_linear = draft.tensors.contains(name.substr(0, name.find_last_of('.')) + ".bias") &&
                           name.ends_with("weight") && name.find("ln_") == Text::npos;
    if (!is_head && !is_linear) continue;
    const std::size_t outputs = is_linear ? draft.tensors[name.substr(0, name.find_last_of('.')) + ".bias"].size() : 1;
    const std::size_t inputs = is_linear ? values.size() / outputs : static_cast<std::size_t>(draft.desc.width);
    const std::size_t channels = values.size() / inputs;
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const auto at = [&, &values = values](std::size_t i) -> double& {
        return is_linear ? values[i * outputs + channel] : values[channel * inputs + i];
      };
      for (std::size_t begin = 0; begin < inputs; begin += kGroup) {
        reference::Values group;
        for (std::size_t i = begin; i < std::min(begin + kGroup, inputs); ++i) group.push_back(at(i));
        to_integers<most>(group);
        for (std::size_t i = 0; i < group.size(); ++i) at(begin + i) = group[i];
      }
    }
  }
}

template <int most>
void add_integers(std::vector<Mistake>& all, const Text& type) {
  all.push_back({"rounding." + type + ".products",
                 "weights are rounded to " + type + ", the inputs of products to 8 bits",
                 [](Draft& draft) {
                   quantize_weights<most>(draft);
                   draft.formula.narrow_row = to_integers<127>;
                 },
                 type});
}

template <int bits>
void add_rounding(std::vector<Mistake>& all, const Text& type) {
  const auto add = [&](const char* id, const Text& text, void (*apply)(Draft&)) {
    all.push_back({"rounding." + type + "." + id, text, apply, type});
  };
  add("cache", "keys and values are rounded to " + type,
      [](Draft& draft) { draft.formula.narrow_cache = round_all<bits>; });
  add("weights", "weights are rounded to " + type, round_weights<bits>);
  add("products", "weights and the inputs of products are rounded to " + type, [](Draft& draft) {
    round_weights<bits>(draft);
    draft.formula.narrow_row = round_all<bits>;
  });
}

}  // namespace

std::vector<Mistake> known_mistakes(const std::vector<std::int32_t>& positions) {
  std::vector<Mistake> all;
  add_activations(all);
  add_norms(all);
  add_attention(all);
  add_structure(all);
  add_positions(all);
  for (const std::int32_t position : positions) add_positions_from(all, position);
  add_cache(all);
  add_weights(all);
  add_rounding<kBf16Bits>(all, "bf16");
  add_rounding<kFp16Bits>(all, "fp16");
  add_integers<127>(all, "int8");
  add_integers<7>(all, "int4");
  return all;
}

std::vector<Mistake> near_misses() {
  std::vector<Mistake> all = known_mistakes();
  std::erase_if(all, [](const Mistake& mistake) {
    return !mistake.judge_as.empty() || mistake.id.ends_with(".first") || mistake.id.ends_with(".last") ||
           mistake.id.starts_with("activation.always");
  });
  return all;
}

std::optional<std::int32_t> position_of(std::string_view id) {
  const auto at = id.find('@');
  std::int32_t value = 0;
  if (at == std::string_view::npos) return {};
  const auto result = std::from_chars(id.data() + at + 1, id.data() + id.size(), value);
  return result.ec == std::errc{} && value > 0 ? std::optional(value) : std::nullopt;
}

Mistake find_mistake(std::string_view id) {
  const auto position = position_of(id);
  for (Mistake& mistake : known_mistakes(position ? std::vector{*position} : std::vector<std::int32_t>{})) {
    if (mistake.id == id) return std::move(mistake);
  }
  throw Error(fmt::format("there is no mistake '{}'", id));
}

}  // namespace inferbench::conformance
