// SPDX-License-Identifier: Apache-2.0
#include "attention.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "products.hpp"
#include "soft_cap.hpp"

namespace inferbench::torch_backend {
namespace {

// Up to this many tokens are faster one by one, each with the keys that it sees, than as products.
constexpr std::int64_t kFewTokens = 8;

// Most scores of the heads that share keys (64 MiB), but at least kMinSegmentRows rows.
constexpr std::int64_t kMaxScores = 16 << 20;
constexpr std::int64_t kMinSegmentRows = 16;

constexpr float kHidden = -std::numeric_limits<float>::infinity();

}  // namespace

std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens) {
  const std::int64_t group = desc.n_heads / desc.n_kv_heads;
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(kMaxScores / (group * max_tokens), kMinSegmentRows, INT32_MAX));
}

KeyRange seen_keys(const PassSegment& rows, std::int64_t window) {
  const std::int64_t end = std::int64_t{rows.first_position} + rows.n_rows;
  const std::int64_t begin = window > 0 ? std::max<std::int64_t>(rows.first_position + 1 - window, 0) : 0;
  return {begin, end - begin};
}

at::Tensor causal_mask(const PassSegment& rows, std::int64_t window) {
  const KeyRange keys = seen_keys(rows, window);
  const std::int64_t first = rows.first_position - keys.begin;  // of the first row, within the range
  at::Tensor mask = at::full({rows.n_rows, keys.n}, kHidden).triu_(first + 1);
  if (window > 0 && keys.n > window) mask.add_(at::full({rows.n_rows, keys.n}, kHidden).tril_(first - window));
  return mask;
}

const at::Tensor& Segment::mask(std::int64_t window) {
  at::Tensor& mask = masks_[window];
  if (!mask.defined()) mask = causal_mask(*this, window);
  return mask;
}

Attention::Attention(const AttentionShape& shape)
    : shape_(shape),
      keys_(at::zeros({shape.n_slots, shape.n_layers, shape.n_kv_heads, shape.max_tokens, shape.head_dim})),
      values_(at::zeros({shape.n_slots, shape.n_layers, shape.n_kv_heads, shape.head_dim, shape.max_tokens})) {}

std::uint64_t Attention::kv_bytes() const {
  return keys_.nbytes() + values_.nbytes();
}

// One row: multiply and add up all heads at once; a product for each would cost more to call than to compute.
// q [kv heads, group, 1, head_dim], keys [kv heads, 1, keys, head_dim], values [kv heads, 1, head_dim, keys]
// -> [kv heads, group, head_dim]
at::Tensor Attention::one_token(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values) const {
  at::Tensor scores = (keys * q).sum(-1);
  soft_cap(scores, shape_.soft_cap);
  return (values * at::softmax(scores, -1).unsqueeze(2)).sum(-1);
}

// Products head by head: at::bmm would go to the system's BLAS (see linear.hpp). Heads that share keys are rows of one.
// q [kv heads, group, n, head_dim], keys [kv heads, keys, head_dim], values [kv heads, head_dim, keys]
// -> [kv heads, group, n, head_dim]
at::Tensor Attention::many_tokens(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                                  const at::Tensor& mask) const {
  at::Tensor out = at::empty(q.sizes());
  for (std::int64_t head = 0; head < q.size(0); ++head) {
    at::Tensor scores = product(q[head].flatten(0, 1), keys[head]);
    soft_cap(scores, shape_.soft_cap);
    scores.view({q.size(1), q.size(2), keys.size(1)}).add_(mask);
    out[head].copy_(product(at::softmax(scores, -1), values[head].contiguous()).view_as(out[head]));
  }
  return out;
}

void Attention::append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
                       const at::Tensor& values) {
  keys_[slot][layer].narrow(1, past, keys.size(0)).copy_(keys.transpose(0, 1));
  values_[slot][layer].narrow(2, past, values.size(0)).copy_(values.permute({1, 2, 0}));
}

void Attention::run(std::int64_t layer, const ib_layer_desc& desc, Segment& segment, const Heads& heads,
                    at::Tensor& out) {
  const std::int64_t n = segment.n_rows;
  const at::Tensor keys = keys_[segment.slot][layer];
  const at::Tensor values = values_[segment.slot][layer];
  append(layer, segment.slot, segment.first_position, heads.keys.narrow(0, segment.first_row, n),
         heads.values.narrow(0, segment.first_row, n));
  const std::int64_t group = shape_.n_heads / shape_.n_kv_heads;
  const at::Tensor q = heads.queries.narrow(0, segment.first_row, n)
                           .mul(desc.attention_scale)
                           .view({n, shape_.n_kv_heads, group, shape_.head_dim})
                           .permute({1, 2, 0, 3})
                           .contiguous();
  const at::Tensor to =
      out.narrow(0, segment.first_row, n).view({n, shape_.n_kv_heads, group, shape_.head_dim}).permute({1, 2, 0, 3});
  if (n > kFewTokens) {
    const KeyRange seen = seen_keys(segment, desc.window);
    to.copy_(many_tokens(q, keys.narrow(1, seen.begin, seen.n), values.narrow(2, seen.begin, seen.n),
                         segment.mask(desc.window)));
    return;
  }
  for (std::int32_t i = 0; i < segment.n_rows; ++i) {
    const KeyRange seen = seen_keys({segment.slot, 0, 1, segment.first_position + i, nullptr}, desc.window);
    to.select(2, i).copy_(one_token(q.narrow(2, i, 1), keys.narrow(1, seen.begin, seen.n).unsqueeze(1),
                                    values.narrow(2, seen.begin, seen.n).unsqueeze(1)));
  }
}

}  // namespace inferbench::torch_backend
