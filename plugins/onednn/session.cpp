// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <new>

namespace inferbench::onednn {
namespace {

std::int64_t head_rows(const PassPlan& plan) {
  return std::min(plan.max_rows(), kHeadRows);
}

PassSizes pass_sizes(const PassPlan& plan, const SessionLimits& limits, const Model& model) {
  PassSizes sizes;
  sizes.max_rows = plan.max_rows();
  sizes.segment_rows = std::min({plan.max_rows(), limits.max_tokens, segment_rows(model.desc, limits.max_tokens)});
  sizes.n_cached_layers = model.desc.n_layers;
  sizes.n_slots = limits.n_slots;
  sizes.max_tokens = limits.max_tokens;
  sizes.max_output = head_rows(plan) * model.desc.vocab_size;
  return sizes;
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, model.desc.max_positions, model.desc.vocab_size)),
      plan_(lengths_.limits(), kPassRows, segment_rows(model.desc, lengths_.limits().max_tokens)),
      pass_(model.context, model.precision, model.desc, model.rotary_tables,
            pass_sizes(plan_, lengths_.limits(), model)),
      logits_(static_cast<std::size_t>(std::min(plan_.max_greedy(), kHeadRows)) *
              static_cast<std::size_t>(model.desc.vocab_size)) {
  info_ =
      session_memory(model.info(), pass_.attention.kv_bytes(), pass_.scratch_bytes() + logits_.size() * sizeof(float));
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  model_.context.use_threads();
  plan_.begin(params, lengths_.held());
  while (plan_.next()) {
    run_pass();
    write_output(params);
  }
  lengths_.advance(params);
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
}

void Session::run_pass() {
  const std::int64_t hidden = model_.desc.hidden_size;
  for (std::int32_t row = 0; row < plan_.n_rows(); ++row) {
    const auto i = static_cast<std::size_t>(row);
    float* x = pass_.x.data() + row * hidden;
    std::copy_n(model_.token_embedding.data() + plan_.tokens()[i] * hidden, hidden, x);
    if (model_.position_embedding.empty()) continue;
    const float* position = model_.position_embedding.data() + plan_.positions()[i] * hidden;
    for (std::int64_t c = 0; c < hidden; ++c) x[c] += position[c];
  }
  pass_.rotary.set_positions(plan_.positions());
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    pass_.run(model_.layers[i], i, plan_.segments(), plan_.n_rows());
  }
}

void Session::write_output(const ib_forward_params& params) {
  const std::span<const PassOutput> outputs = plan_.outputs();
  const std::int64_t hidden = model_.desc.hidden_size;
  // The residual stream is no longer needed, so its output rows can move to the front.
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].row == static_cast<std::int32_t>(i)) continue;
    std::copy_n(pass_.x.data() + outputs[i].row * hidden, hidden,
                pass_.x.data() + static_cast<std::int64_t>(i) * hidden);
  }
  if (outputs.empty()) return;
  pass_.norm(model_.final_norm, pass_.x.data(), static_cast<std::int64_t>(outputs.size()), pass_.normed.data());
  plan_.for_alike_outputs(kHeadRows, [&](std::span<const PassOutput> alike, std::size_t begin) {
    write_alike(alike, pass_.normed.data() + static_cast<std::int64_t>(begin) * hidden, params);
  });
}

/// `outputs`, at most kHeadRows, are all logits or all ids,
/// so they are contiguous in the caller's buffer.
void Session::write_alike(std::span<const PassOutput> outputs, const float* normed, const ib_forward_params& params) {
  const std::int64_t vocab_size = model_.desc.vocab_size;
  const auto n = static_cast<std::int64_t>(outputs.size());
  if (!outputs.front().greedy) {
    pass_.product(model_.head, normed, n, params.logits + outputs.front().index * vocab_size, Then::kStore);
    return;
  }
  pass_.product(model_.head, normed, n, logits_.data(), Then::kStore);
  for (std::int64_t j = 0; j < n; ++j) {
    const float* logits = logits_.data() + j * vocab_size;
    // max_element gives the first of equal values: the lowest id, as the ABI requires.
    const auto id = std::max_element(logits, logits + vocab_size) - logits;
    params.ids[outputs.front().index + j] = static_cast<std::int32_t>(id);
  }
}

}  // namespace inferbench::onednn
