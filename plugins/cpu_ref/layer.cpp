// SPDX-License-Identifier: Apache-2.0
#include "layer.hpp"

#include "inferbench/decoder.hpp"
#include "load.hpp"
#include "parts.hpp"

namespace inferbench::cpu_ref {

void describe_layer(const ib_model_desc& desc, std::int32_t i, Layer& layer) {
  layer.window = desc.layers[i].window;
  layer.rotary_table = desc.layers[i].rotary_table;
  layer.attention_scale = static_cast<float>(desc.layers[i].attention_scale);
}

void lay_out_layer(Parts& parts, const Shape& shape, LayerParts wanted, Layer& layer) {
  const auto has = [wanted](LayerParts part) { return (wanted & part) != 0; };
  const std::int64_t hidden = shape.hidden_size;
  const bool post_norm = has(kPostNorms) && shape.post_norm;
  if (has(kAttnNorm)) layer.attn_norm = parts.norm(shape);
  if (has(kAttnIn)) layer.attn_in = parts.linear(hidden, shape.qkv_size(), shape.qkv_bias);
  if (has(kQkNorm) && shape.qk_norm) {
    layer.q_norm = parts.vector(shape.head_dim);
    layer.k_norm = parts.vector(shape.head_dim);
  }
  if (has(kAttnOut)) layer.attn_out = parts.linear(shape.query_size(), hidden, shape.attn_out_bias);
  if (post_norm) layer.attn_post_norm = parts.norm(shape);
  if (has(kMlpNorm)) layer.mlp_norm = parts.norm(shape);
  if (has(kMlpIn)) layer.mlp_in = parts.linear(hidden, shape.mlp_in_size(), shape.mlp_bias);
  if (has(kMlpDown)) layer.mlp_down = parts.linear(shape.intermediate_size, hidden, shape.mlp_bias);
  if (post_norm) layer.mlp_post_norm = parts.norm(shape);
}

void load_layer(Loader& load, const Shape& shape, LayerParts wanted, std::int32_t i, const Layer& layer) {
  const auto has = [wanted](LayerParts part) { return (wanted & part) != 0; };
  const auto name_of = [i](const std::string& name) { return decoder::layer_tensor_name(i, name); };
  const auto norm = [&](const std::string& name, const Norm& to) { load.norm(name_of(name), shape.hidden_size, to); };
  const auto linear = [&](const std::string& name, const Linear& to, std::int64_t first, std::int64_t n_outputs) {
    load.linear(name_of(name), to, first, n_outputs);
  };
  const std::int64_t query = shape.query_size();
  const std::int64_t kv = shape.kv_size();
  const std::int64_t inner = shape.intermediate_size;
  const bool post_norm = has(kPostNorms) && shape.post_norm;
  if (has(kAttnNorm)) norm("attn_norm", layer.attn_norm);
  if (has(kAttnIn)) {
    linear("attn_q", layer.attn_in, 0, query);
    linear("attn_k", layer.attn_in, query, kv);
    linear("attn_v", layer.attn_in, query + kv, kv);
  }
  if (has(kQkNorm) && shape.qk_norm) {
    load.vector(name_of("attn_q_norm.weight"), shape.head_dim, layer.q_norm);
    load.vector(name_of("attn_k_norm.weight"), shape.head_dim, layer.k_norm);
  }
  if (has(kAttnOut)) linear("attn_out", layer.attn_out, 0, shape.hidden_size);
  if (post_norm) norm("attn_post_norm", layer.attn_post_norm);
  if (has(kMlpNorm)) norm("mlp_norm", layer.mlp_norm);
  if (has(kMlpIn) && shape.gated) linear("mlp_gate", layer.mlp_in, 0, inner);
  if (has(kMlpIn)) linear("mlp_up", layer.mlp_in, shape.gated ? inner : 0, inner);
  if (has(kMlpDown)) linear("mlp_down", layer.mlp_down, 0, shape.hidden_size);
  if (post_norm) norm("mlp_post_norm", layer.mlp_post_norm);
}

}  // namespace inferbench::cpu_ref
