// SPDX-License-Identifier: Apache-2.0
#include "engine/session.hpp"

namespace inferbench::cpu_quant {

Session::Session(const Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, model.shape.max_positions, model.shape.vocab_size)),
      cache_({model.options.kv_type, lengths_.limits().n_slots, model.shape.n_layers, model.shape.n_kv_heads,
              model.shape.head_dim, lengths_.limits().max_tokens},
             model.context.team.n_threads(), model.context.memory),
      batch_(lengths_.limits(), model.options.chunk,
             {model.kernels.attention_rows, model.shape.n_heads, model.context.team.n_threads()}),
      pass_(model, cache_, batch_.pass().max_rows(), batch_.pass().max_greedy()) {
  info_.struct_size = sizeof info_;
  info_.kv_bytes = cache_.bytes();
  info_.scratch_bytes = pass_.scratch_bytes();
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  batch_.begin(params, lengths_.held());
  while (batch_.next()) {
    if (!pass_.run(batch_, params)) throw Failure(IB_CANCELLED, "cancelled by the host");
  }
  lengths_.advance(params);
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
}

const ib_session_info& Session::info() const {
  info_.peak_bytes = model_.context.memory.peak();
  return info_;
}

}  // namespace inferbench::cpu_quant
