// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "inferbench/op_bench.hpp"
#include "loader.hpp"

namespace inferbench::onednn {
namespace {

LayerSizes sizes_of(const ib_op_desc& desc) {
  if (desc.rows > kPassRows) {
    throw Failure(IB_UNSUPPORTED, "a forward pass takes at most " + std::to_string(kPassRows) + " rows at once");
  }
  LayerSizes sizes;
  sizes.max_rows = desc.rows;
  sizes.width = desc.width;
  sizes.inner = op_has_inner(desc) ? desc.inner : 1;
  sizes.max_outputs = op_output_columns(desc);
  sizes.activation = desc.activation;
  sizes.epsilon = static_cast<float>(desc.layer_norm_epsilon);
  return sizes;
}

AttentionShape attention_shape_of(const ib_op_desc& desc) {
  if (!op_has_heads(desc)) return {1, 1, 1, 1, 1, 1};
  return {desc.n_copies, desc.heads, desc.width / desc.heads, 1, std::int64_t{desc.past} + desc.rows, desc.rows};
}

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
    : context_(context),
      desc_(desc),
      input_(desc.input, desc.input + std::int64_t{desc.rows} * op_input_columns(desc)),
      result_(static_cast<std::size_t>(desc.rows * op_output_columns(desc))),
      pass_(context, precision_of(desc.precision), sizes_of(desc), attention_shape_of(desc)) {
  context.use_threads();
  load_weights(desc, precision_of(desc.precision));
  if (op_has_heads(desc)) store_past(desc);
  info_.struct_size = sizeof info_;
  info_.kernels = "oneDNN";
  desc_.tensors = nullptr;
  desc_.input = desc_.past_kv = nullptr;
}

void Operator::load_weights(const ib_op_desc& desc, Precision precision) {
  Loader loader(context_, desc.tensors, desc.n_tensors, precision);
  layers_.push_back(load_layer(loader, desc));
  info_.weights_bytes = layers_.front().bytes();
  layers_.reserve(static_cast<std::size_t>(desc.n_copies));
  for (std::int32_t copy = 1; copy < desc.n_copies; ++copy) {
    Layer layer = layers_.front();
    for (Linear* linear : {&layer.c_attn, &layer.attn_c_proj, &layer.c_fc, &layer.mlp_c_proj}) {
      linear->own_weight(context_.engine);
    }
    layers_.push_back(std::move(layer));
  }
}

void Operator::store_past(const ib_op_desc& desc) {
  const std::int64_t width = desc.width;
  segment_ = {0, 0, desc.rows, desc.past, nullptr};
  const std::int64_t head_width = width / desc.heads;
  attention_scale_ = static_cast<float>(1 / std::sqrt(static_cast<double>(head_width)));
  info_.kv_bytes =
      2 * static_cast<std::uint64_t>(desc.past + desc.rows) * static_cast<std::uint64_t>(width) * sizeof(float);
  std::vector<float> rows(static_cast<std::size_t>(desc.past * 3 * width));
  for (std::int64_t i = 0; i < desc.past; ++i) {
    std::copy_n(desc.past_kv + i * 2 * width, 2 * width, rows.data() + i * 3 * width + width);
  }
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    pass_.attention.append(static_cast<std::size_t>(copy), {0, 0, desc.past, 0, nullptr}, rows.data());
  }
}

void Operator::run(std::int32_t copy) {
  context_.use_threads();
  const auto index = static_cast<std::size_t>(copy);
  const Layer& layer = layers_[index];
  const float* x = input_.data();
  const std::int64_t rows = desc_.rows;
  switch (desc_.op) {
    case IB_OP_LAYER_NORM:
      return pass_.layer_norm(layer.ln_1, x, rows, result_.data());
    case IB_OP_LINEAR:
      return pass_.product(layer.c_fc, x, rows, result_.data(), Then::kStore);
    case IB_OP_ATTENTION:
      return pass_.attention.run(context_.stream, index, segment_, attention_scale_, x, result_.data());
    case IB_OP_GELU:
      return pass_.activate(x, rows, desc_.width, result_.data());
    case IB_OP_SOFTMAX:
      return pass_.softmax(x, rows, desc_.width, result_.data());
    case IB_OP_MLP:
      return pass_.mlp(layer, x, rows, result_.data(), Then::kStore);
    default:
      std::copy(input_.begin(), input_.end(), pass_.x.begin());
      return pass_.run(layer, index, attention_scale_, {&segment_, 1}, rows);
  }
}

void Operator::output(float* result) const {
  const std::vector<float>& from = desc_.op == IB_OP_BLOCK ? pass_.x : result_;
  std::copy(from.begin(), from.end(), result);
}

}  // namespace inferbench::onednn
