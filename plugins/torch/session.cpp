// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

#include "torch_call.hpp"

namespace inferbench::torch_backend {
namespace {

// libtorch takes no const pointer, and does not write to what it reads.
at::Tensor view(std::span<const std::int32_t> values) {
  return at::from_blob(const_cast<std::int32_t*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kInt);
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, static_cast<std::int32_t>(model.n_positions),
                                      static_cast<std::int32_t>(model.vocab))),
      plan_(lengths_.limits(), kPassRows) {
  model_.context.use_threads();
  in_torch([&] {
    attention_.emplace(AttentionShape{static_cast<std::int64_t>(model.layers.size()), model.n_heads,
                                      model.width / model.n_heads, lengths_.limits().n_slots,
                                      lengths_.limits().max_tokens});
  });
  info_.struct_size = sizeof info_;
  info_.kv_bytes = attention_->kv_bytes();
  info_.scratch_bytes = scratch_bytes();
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

// What the tensors of a pass hold where it holds most: the residual stream with the MLP's input and output in both
// layouts, one head's scores in four forms, or the logits in two.
std::uint64_t Session::scratch_bytes() const {
  const std::int64_t keys = lengths_.limits().max_tokens;
  const std::int64_t max_rows = plan_.max_rows();
  const std::int64_t stream = max_rows * 4 * model_.width;
  const std::int64_t mlp = max_rows * 3 * model_.inner;
  const std::int64_t attention = max_rows * (6 * model_.width + 5 * keys) + 2 * model_.width * keys;
  const std::int64_t logits = 2 * plan_.max_outputs() * model_.vocab;
  return static_cast<std::uint64_t>(stream + std::max({mlp, attention, logits})) * sizeof(float);
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  model_.context.use_threads();
  plan_.begin(params, lengths_.held());
  in_torch([&] {
    while (plan_.next()) write_output(params, run_pass());
  });
  lengths_.advance(params);
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
}

// The residual stream after the last layer: [rows, width].
at::Tensor Session::run_pass() {
  segments_.clear();
  for (const PassSegment& segment : plan_.segments()) segments_.emplace_back(segment);
  at::Tensor x = model_.wte.index_select(0, view(plan_.tokens()));
  x.add_(model_.wpe.index_select(0, view(plan_.positions())));
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
  const auto rows = plan_.output_rows();
  const auto n = static_cast<std::int64_t>(rows.size());
  if (n == 0) return;
  const at::Tensor wanted = logits(n == x.size(0) ? x : x.index_select(0, view(rows)));
  const std::int64_t first = plan_.first_output();
  if (params.output != IB_OUTPUT_GREEDY) {
    at::from_blob(params.logits + first * vocab, {n, vocab}).copy_(wanted);
  } else {  // argmax gives the first of equal values: the lowest id, as the ABI requires
    at::from_blob(params.ids + first, {n}, at::kInt).copy_(wanted.argmax(1));
  }
}

}  // namespace inferbench::torch_backend
