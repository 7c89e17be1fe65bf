// SPDX-License-Identifier: Apache-2.0
#include "attention.hpp"

#include <ATen/ATen.h>

#include <limits>

#include "products.hpp"

namespace inferbench::torch_backend {
namespace {

// Up to this many tokens are faster one by one, each with the keys that it sees, than as products.
constexpr std::int64_t kFewTokens = 8;

}  // namespace

at::Tensor causal_mask(std::int64_t n, std::int64_t past) {
  if (n <= kFewTokens) return {};
  return at::full({n, past + n}, -std::numeric_limits<float>::infinity()).triu_(past + 1);
}

Segment::Segment(const PassSegment& rows) : PassSegment(rows), mask(causal_mask(rows.n_rows, rows.first_position)) {}

Attention::Attention(const AttentionShape& shape)
    : shape_(shape),
      keys_(at::zeros({shape.n_slots, shape.n_layers, shape.n_heads, shape.max_tokens, shape.head_width})),
      values_(at::zeros({shape.n_slots, shape.n_layers, shape.n_heads, shape.head_width, shape.max_tokens})) {}

std::uint64_t Attention::kv_bytes() const {
  return keys_.nbytes() + values_.nbytes();
}

// One row: multiply and add up all heads at once; a product for each would cost more to call than to compute.
// q [heads, 1, head_width], keys [heads, keys, head_width], values [heads, head_width, keys] -> [heads, head_width]
at::Tensor Attention::one_token(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values) {
  const at::Tensor weights = at::softmax((keys * q).sum(-1), -1);
  return (values * weights.unsqueeze(1)).sum(-1);
}

// Products head by head: at::bmm would go to the system's BLAS (see linear.hpp).
// q [heads, n, head_width] -> [n, heads, head_width]
at::Tensor Attention::many_tokens(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                                  const at::Tensor& mask) {
  at::Tensor out = at::empty({q.size(1), q.size(0), q.size(2)});
  for (std::int64_t head = 0; head < q.size(0); ++head) {
    const at::Tensor weights = at::softmax(product(q[head], keys[head]).add_(mask), -1);
    out.select(1, head).copy_(product(weights, values[head].contiguous()));
  }
  return out;
}

void Attention::append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
                       const at::Tensor& values) {
  keys_[slot][layer].narrow(1, past, keys.size(0)).copy_(keys.transpose(0, 1));
  values_[slot][layer].narrow(2, past, values.size(0)).copy_(values.permute({1, 2, 0}));
}

void Attention::run(std::int64_t layer, const Segment& segment, double scale, const at::Tensor& qkv, at::Tensor& out) {
  const std::int64_t n_keys = segment.first_position + segment.n_rows;
  const at::Tensor rows =
      qkv.narrow(0, segment.first_row, segment.n_rows).view({segment.n_rows, 3, shape_.n_heads, shape_.head_width});
  const at::Tensor keys = keys_[segment.slot][layer];
  const at::Tensor values = values_[segment.slot][layer];
  append(layer, segment.slot, segment.first_position, rows.select(1, 1), rows.select(1, 2));
  const at::Tensor q = rows.select(1, 0).transpose(0, 1).mul(scale).contiguous();
  const at::Tensor to =
      out.narrow(0, segment.first_row, segment.n_rows).view({segment.n_rows, shape_.n_heads, shape_.head_width});
  if (segment.mask.defined()) {
    to.copy_(many_tokens(q, keys.narrow(1, 0, n_keys), values.narrow(2, 0, n_keys), segment.mask));
    return;
  }
  for (std::int64_t i = 0; i < segment.n_rows; ++i) {
    const std::int64_t seen = segment.first_position + i + 1;
    to[i].copy_(one_token(q.narrow(1, i, 1), keys.narrow(1, 0, seen), values.narrow(2, 0, seen)));
  }
}

}  // namespace inferbench::torch_backend
