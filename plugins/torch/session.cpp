// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "torch_call.hpp"

namespace inferbench::torch_backend {
namespace {

at::Tensor view(std::vector<std::int32_t>& values) {
  return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kInt);
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      limits_(checked_session_limits(params, static_cast<std::int32_t>(model.n_positions),
                                     static_cast<std::int32_t>(model.vocab))),
      held_(static_cast<std::size_t>(limits_.n_slots), 0),
      max_rows_(std::min<std::int64_t>(kPassRows, limits_.max_forward_tokens)) {
  model_.context.use_threads();
  in_torch([&] {
    attention_.emplace(AttentionShape{static_cast<std::int64_t>(model.layers.size()), model.n_heads,
                                      model.width / model.n_heads, limits_.n_slots, limits_.max_tokens});
  });
  info_.struct_size = sizeof info_;
  info_.kv_bytes = attention_->kv_bytes();
  info_.scratch_bytes = scratch_bytes();
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

// What the tensors of a pass hold where it holds most: the residual stream with the MLP's input and output in both
// layouts, one head's scores in four forms, or the logits in two.
std::uint64_t Session::scratch_bytes() const {
  const std::int64_t keys = limits_.max_tokens;
  const std::int64_t stream = max_rows_ * 4 * model_.width;
  const std::int64_t mlp = max_rows_ * 3 * model_.inner;
  const std::int64_t attention = max_rows_ * (6 * model_.width + 5 * keys) + 2 * model_.width * keys;
  const std::int64_t logits = 2 * std::min<std::int64_t>(max_rows_, limits_.n_slots) * model_.vocab;
  return static_cast<std::uint64_t>(stream + std::max({mlp, attention, logits})) * sizeof(float);
}

void Session::forward(const ib_forward_params& params) {
  check_forward(params, limits_, held_);
  model_.context.use_threads();
  sequence_ = token_ = rows_before_ = endings_before_ = 0;
  tokens_.clear();
  endings_.clear();
  in_torch([&] {
    while (next_pass(params)) write_output(params, run_pass());
  });
  // Only now: after a cancelled call each slot holds what it held before.
  for (std::int32_t s = 0; s < params.n_sequences; ++s) {
    held_[static_cast<std::size_t>(params.sequences[s].slot)] += params.sequences[s].n_tokens;
  }
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  check_truncate(slot, n_past, held_);
  held_[static_cast<std::size_t>(slot)] = n_past;
}

bool Session::next_pass(const ib_forward_params& params) {
  rows_before_ += static_cast<std::int64_t>(tokens_.size());
  endings_before_ += static_cast<std::int64_t>(endings_.size());
  tokens_.clear();
  positions_.clear();
  segments_.clear();
  endings_.clear();
  std::int64_t rows = 0;
  while (sequence_ < params.n_sequences && rows < max_rows_) {
    const ib_sequence& sequence = params.sequences[sequence_];
    const std::int64_t n = std::min(sequence.n_tokens - token_, max_rows_ - rows);
    const std::int64_t past = held_[static_cast<std::size_t>(sequence.slot)] + token_;
    segments_.push_back({rows, n, sequence.slot, past, causal_mask(n, past)});
    tokens_.insert(tokens_.end(), sequence.tokens + token_, sequence.tokens + token_ + n);
    for (std::int64_t i = 0; i < n; ++i) positions_.push_back(static_cast<std::int32_t>(past + i));
    rows += n;
    token_ += n;
    if (token_ < sequence.n_tokens) continue;
    endings_.push_back(static_cast<std::int32_t>(rows - 1));
    token_ = 0;
    ++sequence_;
  }
  return rows > 0;
}

// The residual stream after the last layer: [rows, width].
at::Tensor Session::run_pass() {
  at::Tensor x = model_.wte.index_select(0, view(tokens_)).add_(model_.wpe.index_select(0, view(positions_)));
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    run_layer(model_.layers[i], static_cast<std::int64_t>(i), model_.attention_scale(i), model_.settings, segments_,
              *attention_, x);
  }
  return x;
}

at::Tensor Session::logits(const at::Tensor& x) const {
  return model_.head->run(model_.ln_f.run(x, model_.settings.epsilon));
}

void Session::write_output(const ib_forward_params& params, const at::Tensor& x) {
  const std::int64_t vocab = model_.vocab;
  if (params.output == IB_OUTPUT_ALL_LOGITS) {
    at::from_blob(params.logits + rows_before_ * vocab, {x.size(0), vocab}).copy_(logits(x));
    return;
  }
  const auto n = static_cast<std::int64_t>(endings_.size());
  if (params.output == IB_OUTPUT_NONE || n == 0) return;
  const at::Tensor last = logits(x.index_select(0, view(endings_)));
  if (params.output == IB_OUTPUT_LAST_LOGITS) {
    at::from_blob(params.logits + endings_before_ * vocab, {n, vocab}).copy_(last);
  } else {  // argmax gives the first of equal ones: the lowest id, as the header asks
    at::from_blob(params.ids + endings_before_, {n}, at::kInt).copy_(last.argmax(1));
  }
}

}  // namespace inferbench::torch_backend
