// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

#include "soft_cap.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {
Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      release_(model.context.device),
      lengths_(checked_session_limits(params, model.desc.max_positions, model.desc.vocab_size)),
      plan_(lengths_.limits(), pass_rows(model.context.device),
            segment_rows(model.desc, lengths_.limits().max_tokens, model.context.device)) {
  model_.context.use_threads();
  const ib_model_desc& desc = model.desc;
  in_torch(model.context.device, [&] {
    attention_ = make_attention({desc.n_layers, desc.n_heads, desc.n_kv_heads, desc.head_dim, lengths_.limits().n_slots,
                                 lengths_.limits().max_tokens, desc.attention_soft_cap},
                                model.options());
  });
  info_ = session_memory(model.info(), attention_->kv_bytes(), scratch_bytes());
  if (!model.context.device.is_cpu()) {
    info_.peak_bytes = 0;
    info_.device_bytes = device_use(model.context.device).held;
  }
}

// An estimate, in fp32: what the tensors of a pass hold where it holds most: the residual stream with the MLP's input
// and output in both layouts, the scores of the heads that share keys in four forms, or the logits in two.
std::uint64_t Session::scratch_bytes() const {
  const ib_model_desc& desc = model_.desc;
  const std::int64_t keys = lengths_.limits().max_tokens;
  const std::int64_t max_rows = plan_.max_rows();
  const std::int64_t segment = std::min(plan_.max_rows(), segment_rows(desc, keys, model_.context.device));
  const std::int64_t group = desc.n_heads / desc.n_kv_heads;
  const std::int64_t query_size = decoder::query_size(desc);
  const std::int64_t stream = max_rows * 4 * desc.hidden_size;
  const std::int64_t mlp = max_rows * (desc.gated != 0 ? 5 : 3) * desc.intermediate_size;
  const std::int64_t attention = max_rows * (5 * query_size + 3 * decoder::kv_size(desc)) +
                                 segment * keys * (4 * group + 1) + 2 * desc.head_dim * keys;
  const std::int64_t logits = std::int64_t{2} * std::min(plan_.max_rows(), kHeadRows) * desc.vocab_size;
  return static_cast<std::uint64_t>(stream + std::max({mlp, attention, logits})) * sizeof(float);
}

// The allocator knows better than the estimate.
void Session::report_device_memory(std::uint64_t used_before) {
  const DeviceUse use = device_use(model_.context.device);
  const std::uint64_t scratch = use.most_used - std::min(use.most_used, used_before);
  info_.scratch_bytes = most_scratch_ = std::max(most_scratch_, scratch);
  info_.device_bytes = use.held;
}

// libtorch takes no const pointer, and does not write to what it reads. On the CPU a view.
at::Tensor Session::on_device(std::span<const std::int32_t> values) const {
  const auto n = static_cast<std::int64_t>(values.size());
  return at::from_blob(const_cast<std::int32_t*>(values.data()), {n}, at::kInt).to(model_.context.device);
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  model_.context.use_threads();
  plan_.begin(params, lengths_.held());
  const c10::Device device = model_.context.device;
  in_torch(device, [&] {
    if (device.is_cpu()) return run_passes(params);
    forget_most_used(device);
    const std::uint64_t used_before = device_use(device).used;
    run_passes(params);
    report_device_memory(used_before);
  });
  lengths_.advance(params);
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
}

void Session::run_passes(const ib_forward_params& params) {
  while (plan_.next()) write_output(params, run_pass());
}

// The residual stream after the last layer: [rows, hidden_size].
at::Tensor Session::run_pass() {
  const ib_model_desc& desc = model_.desc;
  const at::Tensor positions = on_device(plan_.positions());
  Pass pass{segments_of(plan_.segments(), model_.context.device), {model_.rotary_tables, positions}};
  at::Tensor x = model_.token_embedding.index_select(0, on_device(plan_.tokens()));
  if (desc.embedding_scale != 1) x.mul_(desc.embedding_scale);
  if (desc.learned_positions != 0) x.add_(model_.position_embedding.index_select(0, positions));
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    run_layer(model_.layers[i], static_cast<std::int64_t>(i), desc, pass, *attention_, x);
  }
  return x;
}

void Session::write_output(const ib_forward_params& params, const at::Tensor& x) {
  const std::span<const PassOutput> outputs = plan_.outputs();
  if (outputs.empty()) return;
  const bool is_all = plan_.n_rows() == static_cast<std::int32_t>(outputs.size());
  const at::Tensor wanted = is_all ? x : x.index_select(0, on_device(plan_.output_rows()));
  const at::Tensor normed = model_.final_norm.run(wanted, model_.desc.norm_epsilon);
  plan_.for_alike_outputs(kHeadRows, [&](std::span<const PassOutput> alike, std::size_t begin) {
    const auto n = static_cast<std::int64_t>(alike.size());
    write_alike(alike, normed.narrow(0, static_cast<std::int64_t>(begin), n), params);
  });
}

// `outputs` are all logits or all ids, so they are contiguous in the caller's buffer.
void Session::write_alike(std::span<const PassOutput> outputs, const at::Tensor& normed,
                          const ib_forward_params& params) const {
  const auto n = static_cast<std::int64_t>(outputs.size());
  const std::int64_t vocab_size = model_.desc.vocab_size;
  const PassOutput& first = outputs.front();
  at::Tensor logits = model_.head->run(normed);
  if (model_.desc.logit_soft_cap != 0) logits = logits.to(at::kFloat);  // caps would be rounded three times
  soft_cap(logits, model_.desc.logit_soft_cap);
  if (first.greedy) {  // argmax gives the first of equal values: the lowest id, as the ABI requires
    at::from_blob(params.ids + first.index, {n}, at::kInt).copy_(logits.argmax(1));
  } else {
    at::from_blob(params.logits + first.index * vocab_size, {n, vocab_size}).copy_(logits);
  }
}

}  // namespace inferbench::torch_backend
