// SPDX-License-Identifier: Apache-2.0
#include "reference/layer.hpp"

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "inferbench/decoder.hpp"

namespace inferbench::reference {

namespace {

void add(Values& to, const Values& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

bool has_bias(const ib_model_desc& desc, std::string_view name) {
  if (name == "attn_out") return desc.attn_out_bias != 0;
  return name.starts_with("mlp_") ? desc.mlp_bias != 0 : desc.qkv_bias != 0;
}

// `past` before `present`.
Values joined(Values past, const Values& present) {
  past.insert(past.end(), present.begin(), present.end());
  return past;
}

}  // namespace

Layer::Layer(const ib_model_desc& desc, std::int32_t index, WeightLookup weight)
    : desc_(desc), index_(index), weight_(std::move(weight)) {}

Values Layer::norm(const Values& x, const std::string& name) const {
  const Values& weight = weight_(name + ".weight");
  if (desc_.norm == IB_NORM_RMS) return rms_norm(x, weight, desc_.norm_epsilon);
  return layer_norm(x, weight, weight_(name + ".bias"), desc_.norm_epsilon);
}

Values Layer::project(const Values& x, std::size_t inputs, const std::string& name) const {
  const Values& weight = weight_(name + ".weight");
  if (!has_bias(desc_, name)) return linear(x, weight, inputs);
  return linear(x, weight, inputs, weight_(name + ".bias"));
}

Values Layer::rotated(Values x, std::int32_t heads, std::int64_t first) const {
  const std::int32_t table = desc_.layers[index_].rotary_table;
  if (table < 0) return x;
  const auto half = static_cast<std::size_t>(desc_.head_dim / 2);
  const std::span frequencies(desc_.rotary_frequencies + static_cast<std::size_t>(table) * half, half);
  rotate(x, static_cast<std::size_t>(heads), frequencies, desc_.rotary_scales[table], first);
  return x;
}

Values Layer::attention(Values q, Values k, const Values& v, const Values& past_kv) const {
  const ib_layer_desc& layer = desc_.layers[index_];
  const auto kv = static_cast<std::size_t>(decoder::kv_size(desc_));
  const std::size_t past = past_kv.size() / (2 * kv);
  if (desc_.qk_norm != 0) {
    q = rms_norm(q, weight_("attn_q_norm.weight"), desc_.norm_epsilon);
    k = rms_norm(k, weight_("attn_k_norm.weight"), desc_.norm_epsilon);
  }
  const auto first = static_cast<std::int64_t>(past);
  q = rotated(std::move(q), desc_.n_heads, first);
  k = rotated(std::move(k), desc_.n_kv_heads, first);
  const AttentionShape shape{static_cast<std::size_t>(desc_.n_heads),
                             static_cast<std::size_t>(desc_.n_kv_heads),
                             static_cast<std::size_t>(desc_.head_dim),
                             layer.attention_scale,
                             desc_.attention_soft_cap,
                             static_cast<std::size_t>(layer.window)};
  return attend(q, joined(columns_of(past_kv, 2 * kv, 0, kv), k), joined(columns_of(past_kv, 2 * kv, kv, kv), v),
                shape);
}

Values Layer::mlp(const Values& x) const {
  const auto hidden = static_cast<std::size_t>(desc_.hidden_size);
  Values gate;
  if (desc_.gated != 0) gate = project(x, hidden, "mlp_gate");
  const Values inner = activated(desc_, std::move(gate), project(x, hidden, "mlp_up"));
  return project(inner, static_cast<std::size_t>(desc_.intermediate_size), "mlp_down");
}

Values Layer::apply(Values x, const Values& past_kv) const {
  const auto hidden = static_cast<std::size_t>(desc_.hidden_size);
  const Values y = norm(x, "attn_norm");
  const Values heads =
      attention(project(y, hidden, "attn_q"), project(y, hidden, "attn_k"), project(y, hidden, "attn_v"), past_kv);
  add(x, post_norm(project(heads, static_cast<std::size_t>(decoder::query_size(desc_)), "attn_out"), "attn_post_norm"));
  add(x, post_norm(mlp(norm(x, "mlp_norm")), "mlp_post_norm"));
  return x;
}

Values Layer::post_norm(Values x, const std::string& name) const {
  return desc_.post_norm != 0 ? norm(x, name) : x;
}

Values activated(const ib_model_desc& desc, Values gate, Values up) {
  if (desc.gated == 0) return activate(std::move(up), desc.activation);
  gate = activate(std::move(gate), desc.activation);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i];
  return gate;
}

}  // namespace inferbench::reference
