// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "inferbench/op_bench.hpp"
#include "loader.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {
namespace {

Layer load_layer(Loader& loader, const ib_op_desc& desc) {
  Layer layer;
  if (desc.op == IB_OP_LAYER_NORM) layer.ln_1 = loader.layer_norm("", desc.width);
  if (desc.op == IB_OP_LINEAR) layer.c_fc = loader.linear("", desc.width, desc.outputs);
  if (desc.op == IB_OP_MLP) {
    layer.c_fc = loader.linear("c_fc.", desc.width, desc.inner);
    layer.mlp_c_proj = loader.linear("c_proj.", desc.inner, desc.width);
  }
  if (desc.op == IB_OP_BLOCK) layer = loader.layer("", desc.width, desc.inner);
  return layer;
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : context_(context), op_(desc.op), settings_{desc.activation, desc.layer_norm_epsilon} {
  if (desc.rows > kPassRows) {
    throw Failure(IB_UNSUPPORTED, "a forward pass takes at most " + std::to_string(kPassRows) + " rows at once");
  }
  context.use_threads();
  in_torch([&] { load(desc); });
  info_.struct_size = sizeof info_;
  info_.kernels = kKernels;
}

void Operator::load(const ib_op_desc& desc) {
  const bool int8 = is_int8(desc.precision);
  input_ = at::empty({desc.rows, op_input_columns(desc)});
  std::copy_n(desc.input, input_.numel(), input_.data_ptr<float>());
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    Loader loader(context_, desc.tensors, desc.n_tensors, int8);
    layers_.push_back(load_layer(loader, desc));
  }
  info_.weights_bytes = layers_.front().bytes();
  if (op_has_heads(desc)) store_past(desc);
}

void Operator::store_past(const ib_op_desc& desc) {
  const std::int64_t head_width = desc.width / desc.heads;
  const std::int64_t past = desc.past;
  attention_.emplace(AttentionShape{desc.n_copies, desc.heads, head_width, 1, past + desc.rows});
  attention_scale_ = 1 / std::sqrt(static_cast<double>(head_width));
  segments_.emplace_back(PassSegment{0, 0, desc.rows, desc.past, nullptr});
  info_.kv_bytes = attention_->kv_bytes() / static_cast<std::uint64_t>(desc.n_copies);
  if (past == 0) return;
  at::Tensor kv = at::empty({past, 2, desc.heads, head_width});
  std::copy_n(desc.past_kv, kv.numel(), kv.data_ptr<float>());
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    attention_->append(copy, 0, 0, kv.select(1, 0), kv.select(1, 1));
  }
}

at::Tensor Operator::result_of(std::int32_t copy) {
  const Layer& layer = layers_[static_cast<std::size_t>(copy)];
  switch (op_) {
    case IB_OP_LAYER_NORM:
      return layer.ln_1.run(input_, settings_.epsilon);
    case IB_OP_LINEAR:
      return layer.c_fc->run(input_);
    case IB_OP_ATTENTION: {
      at::Tensor out = at::empty({input_.size(0), input_.size(1) / 3});
      attention_->run(copy, segments_.front(), attention_scale_, input_, out);
      return out;
    }
    case IB_OP_GELU: {
      at::Tensor out = input_.clone();
      activate(out, settings_.activation);
      return out;
    }
    case IB_OP_SOFTMAX:
      return at::softmax(input_, -1);
    case IB_OP_MLP:
      return layer.mlp(input_, settings_.activation);
    default: {
      at::Tensor out = input_.clone();
      run_layer(layer, copy, attention_scale_, settings_, segments_, *attention_, out);
      return out;
    }
  }
}

void Operator::run(std::int32_t copy) {
  context_.use_threads();
  in_torch([&] { result_ = result_of(copy); });
}

void Operator::output(float* result) const {
  in_torch([&] {
    const at::Tensor dense = result_.contiguous();
    std::copy_n(dense.data_ptr<float>(), dense.numel(), result);
  });
}

}  // namespace inferbench::torch_backend
