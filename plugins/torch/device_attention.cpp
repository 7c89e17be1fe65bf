// SPDX-License-Identifier: Apache-2.0
// Attention on a GPU: all sequences of a segment in one call of libtorch's.
#include <ATen/ATen.h>

#include "attention.hpp"
#include "soft_cap.hpp"
#include "torch_version.hpp"

namespace inferbench::torch_backend {
namespace {

/// softmax(scale q k^T + mask) v, and what it needs to know. Shapes as fused_attention's, but keys and values have
/// heads that `group` of q's share.
struct Call {
  at::Tensor q;
  at::Tensor keys;
  at::Tensor values;
  std::int64_t group;
  at::Tensor mask;  ///< [rows, keys] or undefined
  bool is_causal;
  double scale;
};

class DeviceAttention final : public Attention {
 public:
  DeviceAttention(const AttentionShape& shape, const at::TensorOptions& options)
      : shape_(shape),
        keys_(at::zeros({shape.n_slots, shape.n_layers, shape.n_kv_heads, shape.max_tokens, shape.head_dim}, options)),
        values_(at::zeros_like(keys_)) {
    keep_attention_off_cudnn();
  }

  void run(std::int64_t layer, const ib_layer_desc& desc, Segment& segment, const Heads& heads,
           at::Tensor& out) override {
    const std::int64_t n = segment.n_sequences();
    const std::int64_t rows = segment.n_rows;
    store(layer, segment, heads);
    const KeyRange seen = seen_keys(segment, desc.window);
    const auto cached = [&](const at::Tensor& cache) {
      return cache.narrow(0, segment.slot, n).select(1, layer).narrow(2, seen.begin, seen.n);
    };
    const std::int64_t group = shape_.n_heads / shape_.n_kv_heads;
    const at::Tensor q = heads.queries.narrow(0, segment.first_row, segment.all_rows());
    at::Tensor result;
    if (rows == 1) {
      // The heads that share keys become rows of one head, which all see the same.
      const Call call{q.view({n, shape_.n_kv_heads, group, shape_.head_dim}),
                      cached(keys_),
                      cached(values_),
                      1,
                      {},
                      false,
                      desc.attention_scale};
      result = attend(call);
    } else {
      const bool sees_all_before = segment.first_position == 0 && (desc.window <= 0 || seen.n <= desc.window);
      const Call call{q.view({n, rows, shape_.n_heads, shape_.head_dim}).transpose(1, 2),
                      cached(keys_),
                      cached(values_),
                      group,
                      sees_all_before && is_fused() ? at::Tensor() : segment.mask(desc.window, keys_.options()),
                      sees_all_before,
                      desc.attention_scale};
      result = attend(call).transpose(1, 2);
    }
    out.narrow(0, segment.first_row, segment.all_rows()).copy_(result.reshape({n * rows, -1}));
  }

  void append(std::int64_t layer, std::int64_t slot, std::int64_t past, const at::Tensor& keys,
              const at::Tensor& values) override {
    const std::int64_t n = keys.size(0);
    keys_[slot][layer].narrow(1, past, n).copy_(keys.transpose(0, 1));
    values_[slot][layer].narrow(1, past, n).copy_(values.transpose(0, 1));
  }

  std::uint64_t kv_bytes() const override { return keys_.nbytes() + values_.nbytes(); }

 private:
  bool is_fused() const { return kHasFusedAttention && shape_.soft_cap == 0; }

  void store(std::int64_t layer, const Segment& segment, const Heads& heads) {
    const auto copy = [&](const at::Tensor& from, const at::Tensor& cache) {
      cache.narrow(0, segment.slot, segment.n_sequences())
          .select(1, layer)
          .narrow(2, segment.first_position, segment.n_rows)
          .copy_(from.narrow(0, segment.first_row, segment.all_rows())
                     .view({segment.n_sequences(), segment.n_rows, shape_.n_kv_heads, shape_.head_dim})
                     .transpose(1, 2));
    };
    copy(heads.keys, keys_);
    copy(heads.values, values_);
  }

  at::Tensor attend(const Call& call) const {
    const at::Tensor keys = for_each_head(call.keys, call.group);
    const at::Tensor values = for_each_head(call.values, call.group);
    if (is_fused()) {
      const bool is_causal = call.is_causal && !call.mask.defined();
      return fused_attention(call.q, keys, values, call.mask, is_causal, call.scale);
    }
    at::Tensor scores = at::matmul(call.q, keys.transpose(2, 3)).to(at::kFloat).mul_(call.scale);
    soft_cap(scores, shape_.soft_cap);
    if (call.mask.defined()) scores.add_(call.mask);
    return at::matmul(at::softmax(scores, -1).to(values.scalar_type()), values);
  }

  // [n, kv heads, keys, head_dim] -> [n, kv heads * group, keys, head_dim]
  static at::Tensor for_each_head(const at::Tensor& x, std::int64_t group) {
    if (group == 1) return x;
    return x.unsqueeze(2).expand({x.size(0), x.size(1), group, x.size(2), x.size(3)}).flatten(1, 2);
  }

  AttentionShape shape_;
  at::Tensor keys_;    // [n_slots, n_layers, n_kv_heads, max_tokens, head_dim]
  at::Tensor values_;  // the same
};

}  // namespace

std::unique_ptr<Attention> make_device_attention(const AttentionShape& shape, const at::TensorOptions& options) {
  return std::make_unique<DeviceAttention>(shape, options);
}

}  // namespace inferbench::torch_backend
