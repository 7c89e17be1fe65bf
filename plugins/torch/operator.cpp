// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "inferbench/engine_passes.hpp"
#include "inferbench/op_bench.hpp"
#include "loader.hpp"
#include "model.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {
namespace {

/// The same segments and angles as in forward.
Pass op_pass(const ib_op_desc& op, c10::Device device) {
  const std::int64_t max_tokens = std::int64_t{op.past} + op.rows;
  const PassPlan plan = op_plan(op, pass_rows(device), segment_rows(*op.desc, max_tokens, device));
  const at::Tensor positions = at::arange(op.past, max_tokens, at::TensorOptions(device).dtype(at::kInt));
  return {segments_of(plan.segments(), device), {RotaryTables(*op.desc, device), positions}};
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : context_(context), release_(context.device), op_(desc.op), desc_(numbers_of(*desc.desc)) {
  check_op_rows(desc, pass_rows(context.device));
  context.use_threads();
  in_torch(context.device, [&] { load(desc); });
  info_.struct_size = sizeof info_;
  info_.kernels = context.kernels;
}

void Operator::load(const ib_op_desc& desc) {
  const c10::Device device = context_.device;
  const Precision precision = precision_named(desc.precision, device);
  input_ = at::empty({desc.rows, op_input_columns(desc)});
  std::copy_n(desc.input, input_.numel(), input_.data_ptr<float>());
  input_ = input_.to(device, precision.values);
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    layers_.push_back(Loader({device, precision}, context_.host, *desc.desc).operator_layer(op_));
  }
  info_.weights_bytes = layers_.front().bytes();
  if (!op_has_positions(op_)) return;
  pass_.emplace(op_pass(desc, device));
  if (op_ != IB_OP_ROTARY) store_past(desc);
}

void Operator::store_past(const ib_op_desc& desc) {
  const std::int64_t past = desc.past;
  attention_ = make_attention(
      {desc.n_copies, desc_.n_heads, desc_.n_kv_heads, desc_.head_dim, 1, past + desc.rows, desc_.attention_soft_cap},
      input_.options());
  info_.kv_bytes = static_cast<std::uint64_t>(op_kv_values(desc)) * static_cast<std::uint64_t>(input_.element_size());
  if (past == 0) return;
  at::Tensor kv = at::empty({past, 2, desc_.n_kv_heads, desc_.head_dim});
  std::copy_n(desc.past_kv, kv.numel(), kv.data_ptr<float>());
  kv = kv.to(input_.options());
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    attention_->append(copy, 0, 0, kv.select(1, 0), kv.select(1, 1));
  }
}

at::Tensor Operator::rotated() const {
  const std::int64_t n_heads = std::int64_t{desc_.n_heads} + desc_.n_kv_heads;
  return pass_->rotation.run(layers_.front().desc.rotary_table, input_.view({input_.size(0), n_heads, desc_.head_dim}));
}

at::Tensor Operator::result_of(std::int32_t copy) {
  const Layer& layer = layers_[static_cast<std::size_t>(copy)];
  switch (op_) {
    case IB_OP_NORM:
      return layer.attn_norm.run(input_, desc_.norm_epsilon);
    case IB_OP_LINEAR:
      return layer.mlp_up->run(input_);
    case IB_OP_ATTENTION:
      return attend(layer, copy, desc_, *pass_, *attention_, input_);
    case IB_OP_ACTIVATION:
      return activated(desc_, input_);
    case IB_OP_SOFTMAX:
      return at::softmax(input_, -1);
    case IB_OP_MLP:
      return run_mlp(layer, desc_, input_);
    case IB_OP_ROTARY:
      return rotated();
    default: {
      at::Tensor out = input_.clone();
      run_layer(layer, copy, desc_, *pass_, *attention_, out);
      return out;
    }
  }
}

void Operator::run(std::int32_t copy) {
  context_.use_threads();
  in_torch(context_.device, [&] { result_ = result_of(copy); });
}

void Operator::output(float* result) const {
  in_torch(context_.device, [&] {
    const at::Tensor dense = result_.to(at::kCPU, at::kFloat).contiguous();
    std::copy_n(dense.data_ptr<float>(), dense.numel(), result);
  });
}

}  // namespace inferbench::torch_backend
