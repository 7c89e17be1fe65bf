// SPDX-License-Identifier: Apache-2.0
#include "attention.hpp"

#include <ATen/ATen.h>

#include "products.hpp"
#include "soft_cap.hpp"

namespace inferbench::torch_backend {
namespace {

// Up to this many tokens are faster one by one, each with the keys that it sees, than as products.
constexpr std::int64_t kFewTokens = 8;

class CpuAttention final : public Attention {
 public:
  explicit CpuAttention(const AttentionShape& shape);

  void run(std::int64_t layer, const ib_layer_desc& desc, Segment& segment, const Heads& heads,
           at::Tensor& out) override;
  void append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
              const at::Tensor& values) override;
  std::uint64_t kv_bytes() const override { return keys_.nbytes() + values_.nbytes(); }

 private:
  at::Tensor one_token(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values) const;
  at::Tensor many_tokens(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                         const at::Tensor& mask) const;

  AttentionShape shape_;
  at::Tensor keys_;    // [n_slots, n_layers, n_kv_heads, max_tokens, head_dim]
  at::Tensor values_;  // [n_slots, n_layers, n_kv_heads, head_dim, max_tokens]: transposed, as a product wants them
};

CpuAttention::CpuAttention(const AttentionShape& shape)
    : shape_(shape),
      keys_(at::zeros({shape.n_slots, shape.n_layers, shape.n_kv_heads, shape.max_tokens, shape.head_dim})),
      values_(at::zeros({shape.n_slots, shape.n_layers, shape.n_kv_heads, shape.head_dim, shape.max_tokens})) {}

// One row: multiply and add up all heads at once; a product for each would cost more to call than to compute.
// q [kv heads, group, 1, head_dim], keys [kv heads, 1, keys, head_dim], values [kv heads, 1, head_dim, keys]
// -> [kv heads, group, head_dim]
at::Tensor CpuAttention::one_token(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values) const {
  at::Tensor scores = (keys * q).sum(-1);
  soft_cap(scores, shape_.soft_cap);
  return (values * at::softmax(scores, -1).unsqueeze(2)).sum(-1);
}

// Products head by head: at::bmm would go to the system's BLAS (see linear.hpp). Heads that share keys are rows of one.
// q [kv heads, group, n, head_dim], keys [kv heads, keys, head_dim], values [kv heads, head_dim, keys]
// -> [kv heads, group, n, head_dim]
at::Tensor CpuAttention::many_tokens(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
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

void CpuAttention::append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
                          const at::Tensor& values) {
  keys_[slot][layer].narrow(1, past, keys.size(0)).copy_(keys.transpose(0, 1));
  values_[slot][layer].narrow(2, past, values.size(0)).copy_(values.permute({1, 2, 0}));
}

void CpuAttention::run(std::int64_t layer, const ib_layer_desc& desc, Segment& segment, const Heads& heads,
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
                         segment.mask(desc.window, keys_.options())));
    return;
  }
  for (std::int32_t i = 0; i < segment.n_rows; ++i) {
    const KeyRange seen = seen_keys({segment.slot, 0, 1, segment.first_position + i, nullptr}, desc.window);
    to.select(2, i).copy_(one_token(q.narrow(2, i, 1), keys.narrow(1, seen.begin, seen.n).unsqueeze(1),
                                    values.narrow(2, seen.begin, seen.n).unsqueeze(1)));
  }
}

}  // namespace

std::unique_ptr<Attention> make_attention(const AttentionShape& shape, const at::TensorOptions& options) {
  if (!options.device().is_cpu()) return make_device_attention(shape, options);
  return std::make_unique<CpuAttention>(shape);
}

}  // namespace inferbench::torch_backend
