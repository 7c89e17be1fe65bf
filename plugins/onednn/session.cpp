// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <new>

namespace inferbench::onednn {

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, static_cast<std::int32_t>(model.n_positions),
                                      static_cast<std::int32_t>(model.vocab))),
      plan_(lengths_.limits(), kPassRows),
      pass_(model.context, model.precision,
            {plan_.max_rows(), model.width, model.inner, model.vocab, model.activation, model.epsilon},
            {static_cast<std::int64_t>(model.layers.size()), model.n_heads, model.width / model.n_heads,
             lengths_.limits().n_slots, lengths_.limits().max_tokens,
             std::min(plan_.max_rows(), lengths_.limits().max_tokens)}),
      logits_(static_cast<std::size_t>(plan_.max_outputs() * model.vocab)) {
  info_.struct_size = sizeof info_;
  info_.kv_bytes = pass_.attention.kv_bytes();
  info_.scratch_bytes = pass_.scratch_bytes() + logits_.size() * sizeof(float);
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
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
  const std::int64_t width = model_.width;
  for (std::int32_t row = 0; row < plan_.n_rows(); ++row) {
    const float* token = model_.wte.data() + plan_.tokens()[static_cast<std::size_t>(row)] * width;
    const float* position = model_.wpe.data() + plan_.positions()[static_cast<std::size_t>(row)] * width;
    float* x = pass_.x.data() + row * width;
    for (std::int64_t c = 0; c < width; ++c) x[c] = token[c] + position[c];
  }
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    pass_.run(model_.layers[i], i, model_.attention_scale(i), plan_.segments(), plan_.n_rows());
  }
}

void Session::write_output(const ib_forward_params& params) {
  const auto rows = plan_.output_rows();
  const auto n = static_cast<std::int64_t>(rows.size());
  if (n == 0) return;
  const float* from = pass_.x.data();
  if (n < plan_.n_rows()) {
    // The output rows side by side: qkv is free by now.
    for (std::int64_t j = 0; j < n; ++j) {
      const float* x = pass_.x.data() + rows[static_cast<std::size_t>(j)] * model_.width;
      std::copy_n(x, model_.width, pass_.qkv.data() + j * model_.width);
    }
    from = pass_.qkv.data();
  }
  pass_.layer_norm(model_.ln_f, from, n, pass_.normed.data());
  if (params.output != IB_OUTPUT_GREEDY) {
    float* logits = params.logits + plan_.first_output() * model_.vocab;
    pass_.product(model_.head, pass_.normed.data(), n, logits, Then::kStore);
    return;
  }
  pass_.product(model_.head, pass_.normed.data(), n, logits_.data(), Then::kStore);
  for (std::int64_t j = 0; j < n; ++j) {
    const float* logits = logits_.data() + j * model_.vocab;
    // max_element gives the first of equal values: the lowest id, as the ABI requires.
    const auto id = std::max_element(logits, logits + model_.vocab) - logits;
    params.ids[plan_.first_output() + j] = static_cast<std::int32_t>(id);
  }
}

}  // namespace inferbench::onednn
