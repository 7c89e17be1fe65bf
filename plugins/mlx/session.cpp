// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>

#include "inferbench/decoder.hpp"
#include "inferbench/engine_passes.hpp"

namespace inferbench::mlx_backend {
namespace {

mx::array ids_of(std::span<const std::int32_t> values) {
  return mx::array(values.data(), {extent(static_cast<std::int64_t>(values.size()))});
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, model.desc.max_positions, model.desc.vocab_size)),
      plan_(lengths_.limits(), kPassRows, segment_rows(model.desc, lengths_.limits().max_tokens)) {
  const SessionLimits& limits = lengths_.limits();
  in_mlx([&] {
    model_.context.use_stream();
    attention_.emplace(model.desc, limits.n_slots, limits.max_tokens, model.format.dtype);
  });
  info_ = session_memory(model.info(), attention_->kv_bytes(), scratch_bytes(), model.context.is_gpu());
}

// MLX allocates the results of operations before they are computed, some hundred ahead: all that a layer makes may be
// there at once. In values per row: the stream and its norms, the heads (as they are, rotated, by heads), the MLP's
// input and what becomes of it; the scores of all heads in three forms; or the logits in two.
std::uint64_t Session::scratch_bytes() const {
  const ib_model_desc& desc = model_.desc;
  const std::int64_t keys = lengths_.limits().max_tokens;
  const std::int64_t rows = plan_.max_rows();
  const std::int64_t segment = std::min(plan_.max_rows(), segment_rows(desc, keys));
  const std::int64_t stream = rows * 6 * desc.hidden_size;
  const std::int64_t heads = rows * 4 * (decoder::query_size(desc) + decoder::kv_size(desc));
  const std::int64_t mlp = rows * (desc.gated != 0 ? 5 : 7) * desc.intermediate_size;
  const std::int64_t scores = segment * keys * 3 * desc.n_heads;
  const std::int64_t logits = std::int64_t{2} * std::min<std::int64_t>(rows, kHeadRows) * desc.vocab_size;
  return static_cast<std::uint64_t>(stream + std::max(heads + mlp + scores, logits)) * model_.format.dtype.size();
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  plan_.begin(params, lengths_.held());
  in_mlx([&] {
    model_.context.use_stream();
    while (plan_.next()) write_output(params, run_pass());
  });
  lengths_.advance(params);
}

// Keys and values are found by position, so nothing has to be removed.
void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
}

// The residual stream after the last layer: [rows, hidden_size]. The CPU computes layer by layer, so that the host can
// stop a call between them; a GPU gets layer after layer to do, without waiting for it.
mx::array Session::run_pass() {
  const ib_model_desc& desc = model_.desc;
  Pass pass(plan_.segments());
  mx::array x = model_.embedding.rows(ids_of(plan_.tokens()), model_.format.dtype);
  if (desc.embedding_scale != 1) {
    x = mx::multiply(x, mx::array(static_cast<float>(desc.embedding_scale), x.dtype()));
  }
  if (model_.position_embedding) {
    x = mx::add(x, mx::take(*model_.position_embedding, ids_of(plan_.positions()), 0));
  }
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    x = run_layer(model_.layers[i], static_cast<std::int32_t>(i), desc, model_.rotary_tables, model_.activation, pass,
                  *attention_, x);
    if (model_.context.is_gpu()) {
      mx::async_eval(x);
    } else {
      mx::eval(x);
    }
  }
  return x;
}

void Session::write_output(const ib_forward_params& params, const mx::array& x) {
  const std::span<const PassOutput> outputs = plan_.outputs();
  if (outputs.empty()) return;
  const bool is_all = plan_.n_rows() == static_cast<std::int32_t>(outputs.size());
  const mx::array wanted = is_all ? x : mx::take(x, ids_of(plan_.output_rows()), 0);
  const mx::array normed = model_.final_norm.run(wanted, model_.desc.norm_epsilon);
  plan_.for_alike_outputs(kHeadRows, [&](std::span<const PassOutput> alike, std::size_t begin) {
    const auto first = extent(static_cast<std::int64_t>(begin));
    const auto n = extent(static_cast<std::int64_t>(alike.size()));
    write_alike(alike, mx::slice(normed, {first, 0}, {first + n, normed.shape(1)}), params);
  });
}

// `outputs` are all logits or all ids, so they are contiguous in the caller's buffer.
void Session::write_alike(std::span<const PassOutput> outputs, const mx::array& normed,
                          const ib_forward_params& params) const {
  const PassOutput& first = outputs.front();
  mx::array logits = model_.head.run(normed);
  if (model_.desc.logit_soft_cap != 0) {
    const mx::array cap(static_cast<float>(model_.desc.logit_soft_cap), logits.dtype());
    logits = mx::multiply(mx::tanh(mx::divide(logits, cap)), cap);
  }
  if (first.greedy) {  // argmax gives the first of equal values: the lowest id, as the ABI requires
    mx::array ids = mx::contiguous(mx::astype(mx::argmax(logits, 1), mx::int32));
    mx::eval(ids);
    std::copy_n(ids.data<std::int32_t>(), outputs.size(), params.ids + first.index);
  } else {
    mx::array values = mx::contiguous(mx::astype(logits, mx::float32));
    mx::eval(values);
    std::copy_n(values.data<float>(), values.size(), params.logits + first.index * model_.desc.vocab_size);
  }
}

}  // namespace inferbench::mlx_backend
