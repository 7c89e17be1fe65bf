// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <new>

namespace inferbench::onednn {
Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      limits_(checked_session_limits(params, static_cast<std::int32_t>(model.n_positions),
                                     static_cast<std::int32_t>(model.vocab))),
      held_(static_cast<std::size_t>(limits_.n_slots), 0),
      max_rows_(std::min<std::int64_t>(kPassRows, limits_.max_forward_tokens)),
      pass_(model.context, model.precision,
            {max_rows_, model.width, model.inner, model.vocab, model.activation, model.epsilon},
            {static_cast<std::int64_t>(model.layers.size()), model.n_heads, model.width / model.n_heads,
             limits_.n_slots, limits_.max_tokens, std::min<std::int64_t>(max_rows_, limits_.max_tokens)}),
      logits_(static_cast<std::size_t>(std::min<std::int64_t>(max_rows_, limits_.n_slots) * model.vocab)) {
  info_.struct_size = sizeof info_;
  info_.kv_bytes = pass_.attention.kv_bytes();
  info_.scratch_bytes = pass_.scratch_bytes() + logits_.size() * sizeof(float);
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

void Session::forward(const ib_forward_params& params) {
  check_forward(params, limits_, held_);
  model_.context.use_threads();
  sequence_ = token_ = n_rows_ = rows_before_ = endings_before_ = 0;
  endings_.clear();
  while (next_pass(params)) {
    run_pass();
    write_output(params);
  }
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
  rows_before_ += n_rows_;
  endings_before_ += static_cast<std::int64_t>(endings_.size());
  n_rows_ = 0;
  segments_.clear();
  endings_.clear();
  while (sequence_ < params.n_sequences && n_rows_ < max_rows_) {
    const ib_sequence& sequence = params.sequences[sequence_];
    const std::int64_t n = std::min(sequence.n_tokens - token_, max_rows_ - n_rows_);
    const std::int64_t past = held_[static_cast<std::size_t>(sequence.slot)] + token_;
    segments_.push_back({n_rows_, n, sequence.slot, past, sequence.tokens + token_});
    n_rows_ += n;
    token_ += n;
    if (token_ < sequence.n_tokens) continue;
    endings_.push_back(n_rows_ - 1);
    token_ = 0;
    ++sequence_;
  }
  return n_rows_ > 0;
}

void Session::run_pass() {
  const std::int64_t width = model_.width;
  for (const Segment& segment : segments_) {
    for (std::int64_t i = 0; i < segment.n; ++i) {
      const float* token = model_.wte.data() + segment.tokens[i] * width;
      const float* position = model_.wpe.data() + (segment.past + i) * width;
      float* x = pass_.x.data() + (segment.row + i) * width;
      for (std::int64_t c = 0; c < width; ++c) x[c] = token[c] + position[c];
    }
  }
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    pass_.run(model_.layers[i], i, model_.attention_scale(i), segments_, n_rows_);
  }
}

void Session::write_output(const ib_forward_params& params) {
  if (params.output == IB_OUTPUT_ALL_LOGITS) {
    pass_.layer_norm(model_.ln_f, pass_.x.data(), n_rows_, pass_.normed.data());
    pass_.product(model_.head, pass_.normed.data(), n_rows_, params.logits + rows_before_ * model_.vocab, Then::kStore);
    return;
  }
  const auto n = static_cast<std::int64_t>(endings_.size());
  if (params.output == IB_OUTPUT_NONE || n == 0) return;
  // The rows that end a sequence, side by side: qkv is free by now.
  for (std::int64_t j = 0; j < n; ++j) {
    const float* x = pass_.x.data() + endings_[static_cast<std::size_t>(j)] * model_.width;
    std::copy_n(x, model_.width, pass_.qkv.data() + j * model_.width);
  }
  pass_.layer_norm(model_.ln_f, pass_.qkv.data(), n, pass_.normed.data());
  if (params.output == IB_OUTPUT_LAST_LOGITS) {
    pass_.product(model_.head, pass_.normed.data(), n, params.logits + endings_before_ * model_.vocab, Then::kStore);
    return;
  }
  pass_.product(model_.head, pass_.normed.data(), n, logits_.data(), Then::kStore);
  for (std::int64_t j = 0; j < n; ++j) {
    const float* logits = logits_.data() + j * model_.vocab;
    // The first of equal ones: the lowest id, as the header asks.
    params.ids[endings_before_ + j] =
        static_cast<std::int32_t>(std::max_element(logits, logits + model_.vocab) - logits);
  }
}

}  // namespace inferbench::onednn
