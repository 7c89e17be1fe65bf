// SPDX-License-Identifier: Apache-2.0
#include "engine/session.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {

Session::Session(const Model& model, const ib_session_params& params)
    : model_(model),
      limits_(checked_session_limits(params, model.shape.context, model.shape.vocab)),
      cache_({model.options.kv_type, limits_.n_slots, model.shape.n_layers, model.shape.n_heads,
              model.shape.width / model.shape.n_heads, limits_.max_tokens},
             model.context.team.n_threads(), model.context.memory),
      lengths_(static_cast<std::size_t>(limits_.n_slots), 0),
      max_rows_(static_cast<std::int32_t>(std::min<std::int64_t>(limits_.max_forward_tokens, model.options.chunk))),
      batch_(max_rows_, limits_.n_slots,
             {model.kernels.attention_rows, model.shape.n_heads, model.context.team.n_threads()}),
      pass_(model, cache_, max_rows_, limits_.n_slots) {
  info_.struct_size = sizeof info_;
  info_.kv_bytes = cache_.bytes();
  info_.scratch_bytes = pass_.scratch_bytes();
}

void Session::forward(const ib_forward_params& params) {
  check_forward(params, limits_, lengths_);
  batch_.begin(params, lengths_.data());
  while (batch_.next()) {
    if (!pass_.run(batch_, params)) throw Failure(IB_CANCELLED, "cancelled by the host");
  }
  for (std::int32_t i = 0; i < params.n_sequences; ++i) {
    lengths_[static_cast<std::size_t>(params.sequences[i].slot)] += params.sequences[i].n_tokens;
  }
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  check_truncate(slot, n_past, lengths_);
  lengths_[static_cast<std::size_t>(slot)] = n_past;
}

const ib_session_info& Session::info() const {
  info_.peak_bytes = model_.context.memory.peak();
  return info_;
}

}  // namespace inferbench::cpu_quant
