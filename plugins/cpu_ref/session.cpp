// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr std::int64_t kTouchBytes = std::int64_t{2} << 20;

// First touched here rather than in a measured call, and by the threads that will use it.
void touch(const Buffer& buffer, ThreadPool& pool) {
  const std::int64_t n = (buffer.n_bytes() + kTouchBytes - 1) / kTouchBytes;
  pool.parallel_for(n, [&](std::int64_t item, int) {
    const std::int64_t begin = item * kTouchBytes;
    const std::int64_t bytes = std::min(kTouchBytes, buffer.n_bytes() - begin);
    std::memset(reinterpret_cast<char*>(buffer.data()) + begin, 0, static_cast<std::size_t>(bytes));
  });
}

}  // namespace

Session::Session(const Model& the_model, const ib_session_params& params)
    : model(the_model),
      lengths(checked_session_limits(params, static_cast<std::int32_t>(the_model.shape.max_positions),
                                     static_cast<std::int32_t>(the_model.shape.vocab_size))),
      plan(lengths.limits(), kPassRows, kSegmentRows),
      cache(model.shape, lengths.limits().n_slots, lengths.limits().max_tokens),
      rotary(model.rotary, lengths.limits().max_tokens),
      score_rows(std::max<std::int64_t>(kSegmentRows, model.shape.group())) {
  const Shape& shape = model.shape;
  ThreadPool& pool = *model.engine.pool;
  const std::int64_t n_rows = plan.max_rows();
  picked.reserve(static_cast<std::size_t>(n_rows));
  x = {nullptr, n_rows, stride_of(shape.hidden_size)};
  normed = x;
  qkv = {nullptr, n_rows, stride_of(shape.qkv_size())};
  wide = {nullptr, n_rows, stride_of(std::max(shape.query_size(), shape.mlp_in_size()))};
  logits = {nullptr, plan.max_greedy(), stride_of(shape.vocab_size)};
  if (shape.n_layers > 0) {  // else there is no attention: a single operator
    scores = {nullptr, pool.n_threads() * score_rows, stride_of(round_up(lengths.limits().max_tokens, kPanel))};
  }
  const std::initializer_list<Rows*> parts = {&x, &normed, &qkv, &wide, &logits, &scores};
  std::int64_t total = 0;
  for (const Rows* part : parts) total += part->n * part->stride;
  scratch = Buffer(total);
  float* next = scratch.data();
  for (Rows* part : parts) {
    part->data = next;
    next += part->n * part->stride;
  }
  touch(cache.storage(), pool);
  touch(rotary.storage(), pool);
  touch(scratch, pool);

  info_.struct_size = sizeof(ib_session_info);
  info_.kv_bytes = static_cast<std::uint64_t>(cache.storage().n_bytes());
  info_.scratch_bytes = static_cast<std::uint64_t>(scratch.n_bytes() + rotary.storage().n_bytes());
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

void Session::forward(const ib_forward_params& params) {
  lengths.check(params);
  run_forward(*this, params);
}

void Session::truncate(std::int32_t slot, std::int32_t new_past) {
  lengths.truncate(slot, new_past);
}

}  // namespace inferbench::cpu_ref
