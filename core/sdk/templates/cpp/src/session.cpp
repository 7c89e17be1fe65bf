// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <cmath>

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
      lengths_(inferbench::checked_session_limits(params, model.context, model.vocab)),
      plan_(lengths_.limits(), kPassRows) {
  const inferbench::SessionLimits& limits = lengths_.limits();
  const auto width = static_cast<std::size_t>(model.width);
  const auto inner = static_cast<std::size_t>(model.layers.front().c_fc.n_out);
  const double n_cached = static_cast<double>(limits.n_slots) * static_cast<double>(model.layers.size()) *
                          static_cast<double>(limits.max_tokens) * static_cast<double>(width);
  if (n_cached > static_cast<double>(keys_.max_size())) throw std::bad_alloc();
  keys_.resize(cache_offset(0, limits.n_slots));
  values_.resize(keys_.size());
  x_.resize(width);
  normed_.resize(width);
  query_.resize(width);
  attended_.resize(width);
  hidden_.resize(inner);
  sums_.resize(std::max(3 * width, inner));
  weights_.resize(static_cast<std::size_t>(limits.max_tokens));
  logits_.resize(static_cast<std::size_t>(model.vocab));
  info_.struct_size = sizeof(info_);
  info_.kv_bytes = bytes_of(keys_) + bytes_of(values_);
  info_.scratch_bytes = bytes_of(x_) + bytes_of(normed_) + bytes_of(query_) + bytes_of(attended_) + bytes_of(hidden_) +
                        bytes_of(sums_) + bytes_of(weights_) + bytes_of(logits_);
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  plan_.begin(params, lengths_.held());
  while (plan_.next()) {
    const inferbench::PassSegment& segment = plan_.segments().front();
    run_token(segment.slot, segment.first_position, segment.tokens[0]);
    if (!plan_.output_rows().empty()) write_output(params);
  }
  lengths_.advance(params);  // only now: after a cancelled call each slot holds what it held before
}

void Session::write_output(const ib_forward_params& params) {
  const std::int64_t first = plan_.first_output();
  if (params.output == IB_OUTPUT_GREEDY) {
    apply_head(model_.head(), normed_, logits_);
    // max_element gives the first of equal values: the lowest id, as the ABI requires.
    params.ids[first] = static_cast<std::int32_t>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin());
  } else {
    apply_head(model_.head(), normed_, {params.logits + first * model_.vocab, logits_.size()});
  }
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);  // later positions are overwritten before they are read
}

std::size_t Session::cache_offset(std::size_t layer, std::int32_t slot) const {
  const std::size_t row = static_cast<std::size_t>(slot) * model_.layers.size() + layer;
  return row * static_cast<std::size_t>(lengths_.limits().max_tokens) * static_cast<std::size_t>(model_.width);
}

// Leaves ln_f's output in normed_.
void Session::run_token(std::int32_t slot, std::int32_t position, std::int32_t token) {
  const std::size_t width = x_.size();
  const float* of_token = model_.wte.data() + static_cast<std::size_t>(token) * width;
  const float* of_position = model_.wpe.data() + static_cast<std::size_t>(position) * width;
  for (std::size_t i = 0; i < width; ++i) x_[i] = of_token[i] + of_position[i];
  for (std::size_t layer = 0; layer < model_.layers.size(); ++layer) {
    model_.host.throw_if_cancelled();
    attention_block(layer, slot, position);
    mlp_block(model_.layers[layer]);
  }
  layer_norm(x_, model_.ln_f, model_.layer_norm_epsilon, normed_);
}

// x += attention(ln_1(x))
void Session::attention_block(std::size_t index, std::int32_t slot, std::int32_t position) {
  const Layer& layer = model_.layers[index];
  const std::size_t width = x_.size();
  const std::size_t head = width / static_cast<std::size_t>(model_.n_heads);
  const auto n_positions = static_cast<std::size_t>(position) + 1;
  float* keys = keys_.data() + cache_offset(index, slot);
  float* values = values_.data() + cache_offset(index, slot);
  double scale = model_.scale_attn_weights ? 1 / std::sqrt(static_cast<double>(head)) : 1;
  if (model_.scale_attn_by_inverse_layer) scale /= static_cast<double>(index + 1);

  layer_norm(x_, layer.ln_1, model_.layer_norm_epsilon, normed_);
  apply(layer.c_attn, normed_, sums_);
  for (std::size_t i = 0; i < width; ++i) {
    query_[i] = static_cast<float>(sums_[i]);
    keys[(n_positions - 1) * width + i] = static_cast<float>(sums_[width + i]);
    values[(n_positions - 1) * width + i] = static_cast<float>(sums_[2 * width + i]);
  }
  for (std::size_t i = 0; i < width; i += head) {
    attend({&query_[i], head}, keys + i, values + i, width, scale, {weights_.data(), n_positions},
           {&attended_[i], head});
  }
  apply(layer.attn_c_proj, attended_, sums_);
  add_to_residual();
}

// x += mlp(ln_2(x))
void Session::mlp_block(const Layer& layer) {
  layer_norm(x_, layer.ln_2, model_.layer_norm_epsilon, normed_);
  apply(layer.c_fc, normed_, sums_);
  for (std::size_t i = 0; i < hidden_.size(); ++i) {
    hidden_[i] = static_cast<float>(activate(model_.activation, sums_[i]));
  }
  apply(layer.mlp_c_proj, hidden_, sums_);
  add_to_residual();
}

void Session::add_to_residual() {
  for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<float>(x_[i] + sums_[i]);
}
