// SPDX-License-Identifier: Apache-2.0
#include "architecture.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace inferbench::llama_cpp {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Failure(IB_UNSUPPORTED, "llama.cpp has no graph for " + what);
}

bool is_near(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::abs(b);
}

// Sets the values of an architecture: "block_count" is its "llama.block_count".
class Metadata {
 public:
  Metadata(gguf_context* file, const std::string& architecture) : file_(file), prefix_(architecture + ".") {
    gguf_set_val_str(file, "general.architecture", architecture.c_str());
  }
  void integer(const char* key, std::int64_t value) {
    gguf_set_val_u32(file_, (prefix_ + key).c_str(), static_cast<std::uint32_t>(value));
  }
  void number(const char* key, double value) {
    gguf_set_val_f32(file_, (prefix_ + key).c_str(), static_cast<float>(value));
  }
  void text(const char* key, const char* value) { gguf_set_val_str(file_, (prefix_ + key).c_str(), value); }

 private:
  gguf_context* file_;
  std::string prefix_;
};

// A rotary table as powers of one base, all divided by one factor.
struct PowerTable {
  double base;
  double factor;
};

std::optional<PowerTable> power_table(const ib_model_desc& desc, std::int32_t table) {
  const std::int32_t half = desc.head_dim / 2;
  const double* f = desc.rotary_frequencies + static_cast<std::ptrdiff_t>(table) * half;
  const double base =
      half < 2 ? 1e4 : std::pow(f[0] / f[half - 1], static_cast<double>(desc.head_dim) / (2.0 * (half - 1)));
  for (std::int32_t j = 0; j < half; ++j) {
    if (!is_near(f[j], f[0] * std::pow(base, -2.0 * j / desc.head_dim))) return std::nullopt;
  }
  return PowerTable{base, 1 / f[0]};
}

PowerTable require_power_table(const ib_model_desc& desc, std::int32_t table) {
  const auto found = power_table(desc, table);
  if (!found || desc.rotary_scales[table] != 1) refuse("these rotary frequencies in this family");
  return *found;
}

void set_rotary(Metadata& metadata, const PowerTable& table) {
  metadata.number("rope.freq_base", table.base);
  if (is_near(table.factor, 1)) return;
  metadata.text("rope.scaling.type", "linear");
  metadata.number("rope.scaling.factor", table.factor);
}

bool has_window(const ib_model_desc& desc, std::int32_t layer) {
  const std::int32_t window = desc.layers[layer].window;
  return window > 0 && window < desc.max_positions;
}

// The one window of those layers that have any; 0: none has.
std::int32_t only_window(const ib_model_desc& desc) {
  std::int32_t window = 0;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    if (!has_window(desc, i)) continue;
    if (window != 0 && window != desc.layers[i].window) refuse("windows of several lengths");
    window = desc.layers[i].window;
  }
  return window;
}

// The period after which the last layer is a full one; more than the number of layers if all have windows. Lists of the
// layers are ignored by llama.cpp in these families.
std::int32_t window_period(const ib_model_desc& desc) {
  for (std::int32_t period = 2; period <= desc.n_layers + 1; ++period) {
    bool fits = true;
    for (std::int32_t i = 0; i < desc.n_layers; ++i) fits = fits && has_window(desc, i) == (i % period < period - 1);
    if (fits) return period;
  }
  refuse("full layers at uneven distances");
}

// The table of the layers with, or without, a window; -1: there are no such layers.
std::int32_t table_of(const ib_model_desc& desc, bool windowed) {
  std::int32_t table = -1;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    if (has_window(desc, i) != windowed) continue;
    if (table >= 0 && table != desc.layers[i].rotary_table) refuse("rotary tables that don't follow the windows");
    table = desc.layers[i].rotary_table;
  }
  return table;
}

void set_common(Metadata& metadata, const ib_model_desc& desc) {
  metadata.integer("block_count", desc.n_layers);
  metadata.integer("context_length", desc.max_positions);
  metadata.integer("embedding_length", desc.hidden_size);
  metadata.integer("feed_forward_length", desc.intermediate_size);
  metadata.integer("attention.head_count", desc.n_heads);
  metadata.integer("attention.head_count_kv", desc.n_kv_heads);
  metadata.integer("attention.key_length", desc.head_dim);
  metadata.integer("attention.value_length", desc.head_dim);
  metadata.integer("rope.dimension_count", desc.head_dim);
  metadata.integer("vocab_size", desc.vocab_size);
  metadata.number(desc.norm == IB_NORM_LAYER ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
                  desc.norm_epsilon);
}

// `graph_scale`: what the graph multiplies q k^T by.
void set_query_factors(Architecture& architecture, const ib_model_desc& desc, double graph_scale) {
  bool any = false;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    const double factor = desc.layers[i].attention_scale / graph_scale;
    any = any || !is_near(factor, 1);
    architecture.query_factors.push_back(static_cast<float>(factor));
  }
  if (!any) architecture.query_factors.clear();
}

Architecture gpt2(const ib_model_desc& desc, gguf_context* file) {
  if (desc.gated != 0 || desc.n_rotary_tables != 0 || desc.qk_norm != 0 || desc.post_norm != 0 ||
      desc.learned_positions == 0) {
    refuse("layer norms with anything but GPT-2's other parts");
  }
  if (desc.activation != IB_ACTIVATION_GELU_TANH) refuse("a GPT-2 with another activation than gelu_new");
  if (desc.qkv_bias == 0 || desc.attn_out_bias == 0 || desc.mlp_bias == 0) refuse("a GPT-2 without all biases");
  if (desc.n_kv_heads != desc.n_heads || desc.n_heads * desc.head_dim != desc.hidden_size) {
    refuse("a GPT-2 with other heads");
  }
  if (desc.attention_soft_cap != 0 || desc.logit_soft_cap != 0 || desc.embedding_scale != 1 || only_window(desc) != 0) {
    refuse("a GPT-2 with Gemma's parts");
  }
  Metadata metadata(file, "gpt2");
  set_common(metadata, desc);
  return {"gpt2", false, true, {}, {}};
}

Architecture gemma(const ib_model_desc& desc, gguf_context* file) {
  const bool is_gemma3 = desc.qk_norm != 0;
  if (desc.qkv_bias != 0 || desc.attn_out_bias != 0 || desc.mlp_bias != 0) refuse("a Gemma with biases");
  if (desc.activation != IB_ACTIVATION_GELU_TANH) refuse("a Gemma with another activation than gelu_pytorch_tanh");
  if (!is_near(desc.embedding_scale, std::sqrt(static_cast<double>(desc.hidden_size)))) {
    refuse("another embedding scale than sqrt(hidden_size)");
  }
  if (is_gemma3 ? desc.attention_soft_cap != 0 : desc.attention_soft_cap == 0 || desc.logit_soft_cap == 0) {
    refuse(is_gemma3 ? "a Gemma 3 whose attention is capped" : "a Gemma 2 without both soft caps");
  }
  if (!is_gemma3 && desc.tied_head == 0) refuse("a Gemma 2 whose head is not tied");
  Metadata metadata(file, is_gemma3 ? "gemma3" : "gemma2");
  set_common(metadata, desc);
  const std::int32_t window = only_window(desc);
  const std::int32_t full = table_of(desc, false);
  const std::int32_t local = table_of(desc, true);
  set_rotary(metadata, require_power_table(desc, full >= 0 ? full : local));
  if (window > 0) {
    const PowerTable table = require_power_table(desc, local);
    if (!is_near(table.factor, 1)) refuse("rotary scaling in layers with windows");
    if (!is_gemma3 && full >= 0 && full != local) refuse("a Gemma 2 with two rotary tables");
    metadata.integer("attention.sliding_window", window);
    metadata.number("rope.freq_base_swa", table.base);
    metadata.integer("attention.sliding_window_pattern", window_period(desc));
  } else if (!is_gemma3) {
    metadata.integer("attention.sliding_window", desc.max_positions);
  }
  if (desc.attention_soft_cap != 0) metadata.number("attn_logit_softcapping", desc.attention_soft_cap);
  if (desc.logit_soft_cap != 0) metadata.number("final_logit_softcapping", desc.logit_soft_cap);
  // The graphs know the 27B models by their number of layers.
  const bool is_27b = desc.n_layers == (is_gemma3 ? 62 : 46);
  const std::int32_t scalar = is_27b ? desc.hidden_size / desc.n_heads : desc.head_dim;
  Architecture architecture{is_gemma3 ? "gemma3" : "gemma2", false, false, {}, {}};
  set_query_factors(architecture, desc, 1 / std::sqrt(static_cast<double>(scalar)));
  return architecture;
}

// Llama's graph takes any frequencies, by factors for each of them, and any biases.
void set_any_rotary(Metadata& metadata, Architecture& architecture, const ib_model_desc& desc, std::int32_t table) {
  constexpr double kBase = 1e4;
  if (desc.rotary_scales[table] != 1) refuse("a scale of rotary positions");
  if (const auto found = power_table(desc, table)) return set_rotary(metadata, *found);
  metadata.number("rope.freq_base", kBase);
  const std::int32_t half = desc.head_dim / 2;
  for (std::int32_t j = 0; j < half; ++j) {
    const double plain = std::pow(kBase, -2.0 * j / desc.head_dim);
    const double wanted = desc.rotary_frequencies[static_cast<std::ptrdiff_t>(table) * half + j];
    architecture.frequency_factors.push_back(static_cast<float>(plain / wanted));
  }
}

Architecture llama_like(const ib_model_desc& desc, gguf_context* file) {
  if (desc.activation != IB_ACTIVATION_SILU) refuse("a Llama with another activation than silu");
  if (desc.attention_soft_cap != 0 || desc.logit_soft_cap != 0 || desc.embedding_scale != 1) {
    refuse("a Llama with Gemma's parts");
  }
  if (only_window(desc) != 0) refuse("a Llama or Qwen with sliding windows");
  const std::int32_t table = table_of(desc, false);
  const bool is_power = power_table(desc, table).has_value() && desc.rotary_scales[table] == 1;
  const bool only_qkv_bias = desc.qkv_bias != 0 && desc.attn_out_bias == 0 && desc.mlp_bias == 0;
  Architecture architecture{"llama", true, false, {}, {}};
  if (desc.qk_norm != 0) {
    if (desc.qkv_bias != 0 || desc.attn_out_bias != 0 || desc.mlp_bias != 0) refuse("a Qwen 3 with biases");
    architecture = {"qwen3", false, false, {}, {}};
  } else if (only_qkv_bias && is_power) {
    architecture = {"qwen2", false, false, {}, {}};
  }
  Metadata metadata(file, architecture.name);
  set_common(metadata, desc);
  if (architecture.interleaved_rotary) {
    set_any_rotary(metadata, architecture, desc, table);
  } else {
    set_rotary(metadata, require_power_table(desc, table));
  }
  return architecture;
}

}  // namespace

Architecture choose_architecture(const ib_model_desc& desc, gguf_context* metadata) {
  gguf_set_val_str(metadata, "tokenizer.ggml.model", "no_vocab");
  const double plain_scale = 1 / std::sqrt(static_cast<double>(desc.head_dim));
  if (desc.norm == IB_NORM_LAYER) {
    Architecture architecture = gpt2(desc, metadata);
    set_query_factors(architecture, desc, plain_scale);
    return architecture;
  }
  if (desc.gated == 0 || desc.learned_positions != 0 || desc.n_rotary_tables == 0) {
    refuse("RMS norms with anything but rotary positions and a gated MLP");
  }
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    if (desc.layers[i].rotary_table < 0) refuse("a layer that is not rotated");
  }
  if (desc.post_norm != 0) return gemma(desc, metadata);
  Architecture architecture = llama_like(desc, metadata);
  set_query_factors(architecture, desc, plain_scale);
  return architecture;
}

std::int32_t count_window_layers(const ib_model_desc& desc) {
  std::int32_t layers = 0;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) layers += has_window(desc, i) ? 1 : 0;
  return layers;
}

}  // namespace inferbench::llama_cpp
