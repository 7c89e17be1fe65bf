// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <new>

#include "inferbench/decoder.hpp"
#include "operations.hpp"

namespace {

// Rows that go through the layers together. With more, the products read each weight once for all of them.
constexpr std::int32_t kPassRows = 1;

template <typename T>
std::uint64_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(inferbench::checked_session_limits(params, model.desc.max_positions, model.desc.vocab_size)),
      plan_(lengths_.limits(), kPassRows) {
  const inferbench::SessionLimits& limits = lengths_.limits();
  const auto hidden_size = static_cast<std::size_t>(model.desc.hidden_size);
  const auto query_size = static_cast<std::size_t>(inferbench::decoder::query_size(model.desc));
  const auto intermediate_size = static_cast<std::size_t>(model.desc.intermediate_size);
  const double n_cached = static_cast<double>(limits.n_slots) * static_cast<double>(model.layers.size()) *
                          static_cast<double>(limits.max_tokens) *
                          static_cast<double>(inferbench::decoder::kv_size(model.desc));
  if (n_cached > static_cast<double>(keys_.max_size())) throw std::bad_alloc();
  keys_.resize(cache_offset(0, limits.n_slots));
  values_.resize(keys_.size());
  x_.resize(hidden_size);
  normed_.resize(hidden_size);
  queries_.resize(query_size);
  attended_.resize(query_size);
  gate_.resize(intermediate_size);
  up_.resize(intermediate_size);
  result_.resize(hidden_size);
  scores_.resize(static_cast<std::size_t>(limits.max_tokens));
  logits_.resize(static_cast<std::size_t>(limits.vocab_size));
  info_.struct_size = sizeof(info_);
  info_.kv_bytes = bytes_of(keys_) + bytes_of(values_);
  info_.scratch_bytes = bytes_of(x_) + bytes_of(normed_) + bytes_of(queries_) + bytes_of(attended_) + bytes_of(gate_) +
                        bytes_of(up_) + bytes_of(result_) + bytes_of(scores_) + bytes_of(logits_);
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  plan_.begin(params, lengths_.held());
  while (plan_.next()) {
    const inferbench::PassSegment& segment = plan_.segments().front();
    run_token(segment.slot, segment.first_position, segment.tokens[0]);
    for (const inferbench::PassOutput& output : plan_.outputs()) write_output(output, params);
  }
  lengths_.advance(params);  // only now: after a cancelled call each slot holds what it held before
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);  // later positions are overwritten before they are read
}

void Session::write_output(const inferbench::PassOutput& output, const ib_forward_params& params) {
  std::span<float> logits = logits_;
  if (!output.greedy) logits = {params.logits + output.index * model_.desc.vocab_size, logits_.size()};
  apply_head(model_.head(), normed_, model_.desc.logit_soft_cap, logits);
  if (!output.greedy) return;
  // max_element gives the first of equal values: the lowest id, as the ABI requires.
  params.ids[output.index] = static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::size_t Session::cache_offset(std::size_t layer, std::int32_t slot) const {
  const std::size_t row = static_cast<std::size_t>(slot) * model_.layers.size() + layer;
  const auto kv_size = static_cast<std::size_t>(inferbench::decoder::kv_size(model_.desc));
  return row * static_cast<std::size_t>(lengths_.limits().max_tokens) * kv_size;
}

// Leaves the output of final_norm in normed_.
void Session::run_token(std::int32_t slot, std::int32_t position, std::int32_t token) {
  embed(position, token);
  for (std::size_t layer = 0; layer < model_.layers.size(); ++layer) {
    model_.host.throw_if_cancelled();
    attention_block(layer, slot, position);
    mlp_block(model_.layers[layer]);
  }
  normalize(model_.final_norm);
}

void Session::embed(std::int32_t position, std::int32_t token) {
  const float* of_token = model_.token_embedding.data() + static_cast<std::size_t>(token) * x_.size();
  for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<float>(model_.desc.embedding_scale * of_token[i]);
  if (model_.desc.learned_positions == 0) return;
  const float* of_position = model_.position_embedding.data() + static_cast<std::size_t>(position) * x_.size();
  for (std::size_t i = 0; i < x_.size(); ++i) x_[i] += of_position[i];
}

// normed = norm(x)
void Session::normalize(const Norm& norm) {
  apply_norm(model_.desc.norm, norm, model_.desc.norm_epsilon, x_, normed_);
}

// x += result, which has a norm of its own where post_norm
void Session::add_to_residual(const Norm& post_norm) {
  if (model_.desc.post_norm != 0) {
    apply_norm(model_.desc.norm, post_norm, model_.desc.norm_epsilon, result_, result_);
  }
  for (std::size_t i = 0; i < x_.size(); ++i) x_[i] += result_[i];
}

// x += attention(norm(x))
void Session::attention_block(std::size_t index, std::int32_t slot, std::int32_t position) {
  const ib_model_desc& desc = model_.desc;
  const Layer& layer = model_.layers[index];
  const auto head_dim = static_cast<std::size_t>(desc.head_dim);
  const auto kv_size = static_cast<std::size_t>(inferbench::decoder::kv_size(desc));  // floats of one position
  float* keys = keys_.data() + cache_offset(index, slot);
  float* values = values_.data() + cache_offset(index, slot);
  const std::span new_keys(keys + static_cast<std::size_t>(position) * kv_size, kv_size);
  const std::span new_values(values + static_cast<std::size_t>(position) * kv_size, kv_size);

  normalize(layer.attn_norm);
  apply_linear(layer.attn_q, normed_, queries_);
  apply_linear(layer.attn_k, normed_, new_keys);
  apply_linear(layer.attn_v, normed_, new_values);
  prepare_heads(queries_, layer.attn_q_norm, layer.desc.rotary_table, position);
  prepare_heads(new_keys, layer.attn_k_norm, layer.desc.rotary_table, position);

  const std::int32_t window = layer.desc.window;
  const std::int32_t first = window > 0 ? std::max(0, position + 1 - window) : 0;  // position that is seen
  const std::span scores(scores_.data(), static_cast<std::size_t>(position + 1 - first));
  const std::size_t heads_per_kv = static_cast<std::size_t>(desc.n_heads / desc.n_kv_heads);
  for (std::size_t head = 0; head < static_cast<std::size_t>(desc.n_heads); ++head) {
    const std::size_t at = static_cast<std::size_t>(first) * kv_size + head / heads_per_kv * head_dim;
    attend({&queries_[head * head_dim], head_dim}, keys + at, values + at, kv_size, layer.desc.attention_scale,
           desc.attention_soft_cap, scores, {&attended_[head * head_dim], head_dim});
  }
  apply_linear(layer.attn_out, attended_, result_);
  add_to_residual(layer.attn_post_norm);
}

// What happens to queries, and to keys before they are stored.
void Session::prepare_heads(std::span<float> heads, const Norm& norm, std::int32_t rotary_table,
                            std::int32_t position) const {
  const auto head_dim = static_cast<std::size_t>(model_.desc.head_dim);
  for (std::size_t at = 0; at < heads.size(); at += head_dim) {
    const std::span head = heads.subspan(at, head_dim);
    if (model_.desc.qk_norm != 0) apply_norm(IB_NORM_RMS, norm, model_.desc.norm_epsilon, head, head);
    if (rotary_table < 0) continue;
    const auto table = static_cast<std::size_t>(rotary_table);
    rotate(head, position, {&model_.rotary_frequencies[table * (head_dim / 2)], head_dim / 2},
           model_.rotary_scales[table]);
  }
}

// x += mlp(norm(x))
void Session::mlp_block(const Layer& layer) {
  const std::int32_t activation = model_.desc.activation;
  normalize(layer.mlp_norm);
  apply_linear(layer.mlp_up, normed_, up_);
  if (model_.desc.gated != 0) {
    apply_linear(layer.mlp_gate, normed_, gate_);
    for (std::size_t i = 0; i < up_.size(); ++i) up_[i] = static_cast<float>(activate(activation, gate_[i]) * up_[i]);
  } else {
    for (float& value : up_) value = static_cast<float>(activate(activation, value));
  }
  apply_linear(layer.mlp_down, up_, result_);
  add_to_residual(layer.mlp_post_norm);
}
