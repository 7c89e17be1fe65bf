// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <cstring>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr std::int64_t kTouchBytes = std::int64_t{2} << 20;

// Rows are a cache line longer than a multiple of one, so that rows of a power of two do not all meet in one cache set.
std::int64_t stride_of(std::int64_t columns) {
  return round_up(columns, 16) + 16;
}

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
      lengths(checked_session_limits(params, static_cast<std::int32_t>(the_model.shape.context),
                                     static_cast<std::int32_t>(the_model.shape.vocab))),
      plan(lengths.limits(), kPassRows, kSegmentRows),
      cache(model.shape, lengths.limits().n_slots, lengths.limits().max_tokens) {
  const Shape& shape = model.shape;
  ThreadPool& pool = *model.engine.pool;
  const std::int64_t n_rows = plan.max_rows();
  const std::int64_t n_scores = std::int64_t{pool.n_threads()} * kSegmentRows;
  x = {nullptr, n_rows, stride_of(shape.width)};
  normed = x;
  qkv = {nullptr, n_rows, stride_of(3 * shape.width)};
  hidden = {nullptr, n_rows, stride_of(shape.inner)};
  logits = {nullptr, plan.max_outputs(), stride_of(shape.vocab)};
  scores = {nullptr, n_scores, stride_of(round_up(lengths.limits().max_tokens, kPanel))};
  std::int64_t total = 0;
  for (const Rows* part : {&x, &normed, &qkv, &hidden, &logits, &scores}) total += part->n * part->stride;
  scratch = Buffer(total);
  float* next = scratch.data();
  for (Rows* part : {&x, &normed, &qkv, &hidden, &logits, &scores}) {
    part->data = next;
    next += part->n * part->stride;
  }
  touch(cache.storage(), pool);
  touch(scratch, pool);

  info_.struct_size = sizeof(ib_session_info);
  info_.kv_bytes = static_cast<std::uint64_t>(cache.storage().n_bytes());
  info_.scratch_bytes = static_cast<std::uint64_t>(scratch.n_bytes());
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
