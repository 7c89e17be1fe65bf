// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <algorithm>
#include <string>

#include "inferbench/engine_passes.hpp"
#include "inferbench/op_bench.hpp"
#include "loader.hpp"

namespace inferbench::onednn {
namespace {

void check_op_supported(const ib_op_desc& op) {
  check_op_rows(op, kPassRows);
  if (op.op == IB_OP_ACTIVATION && op.desc->gated != 0) {
    throw Failure(IB_UNSUPPORTED, "the gate's activation and multiplication are part of the matrix products");
  }
  const bool attends = op.op == IB_OP_ATTENTION || op.op == IB_OP_LAYER;
  if (attends && op.desc->attention_soft_cap != 0) throw Failure(IB_UNSUPPORTED, "no soft cap of attention scores");
  if (op.op == IB_OP_LAYER && op.desc->post_norm != 0) {
    throw Failure(IB_UNSUPPORTED, "no norm after attention and MLP");
  }
}

/// Sizes for the work space; operators without an MLP get none for it.
ib_model_desc op_numbers(const ib_op_desc& op) {
  check_op_supported(op);
  ib_model_desc desc = numbers_of(*op.desc);
  if (op.op != IB_OP_MLP && op.op != IB_OP_LAYER && op.op != IB_OP_LINEAR) desc.intermediate_size = 1;
  return desc;
}

bool has_cache(std::int32_t op) {
  return op == IB_OP_ATTENTION || op == IB_OP_LAYER;
}

PassSizes op_sizes(const ib_op_desc& op) {
  PassSizes sizes;
  sizes.max_rows = op.rows;
  const std::int32_t max_tokens = has_cache(op.op) ? op.past + op.rows : 1;
  sizes.segment_rows = std::min(has_cache(op.op) ? op.rows : 1, segment_rows(*op.desc, max_tokens));
  sizes.n_cached_layers = has_cache(op.op) ? op.n_copies : 1;
  sizes.n_slots = 1;
  sizes.max_tokens = max_tokens;
  return sizes;
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : context_(context),
      op_(desc.op),
      desc_(op_numbers(desc)),
      rows_(desc.rows),
      precision_(precision_of(desc.precision)),
      input_(desc.input, desc.input + rows_ * op_input_columns(desc)),
      result_(static_cast<std::size_t>(rows_ * op_output_columns(desc))),
      plan_(op_plan(desc, kPassRows, segment_rows(*desc.desc, std::int64_t{desc.past} + desc.rows))),
      pass_(context, precision_, desc_, RotaryTables(*desc.desc), op_sizes(desc)) {
  context.use_threads();
  load_weights(desc);
  pass_.rotary.set_positions(plan_.positions());
  if (has_cache(op_)) store_past(desc);
  info_.struct_size = sizeof info_;
  info_.kernels = "oneDNN";
}

void Operator::load_weights(const ib_op_desc& desc) {
  layers_.push_back(Loader({context_, precision_}, context_.host, *desc.desc).operator_layer(op_));
  info_.weights_bytes = layers_.front().bytes();
  layers_.reserve(static_cast<std::size_t>(desc.n_copies));
  for (std::int32_t copy = 1; copy < desc.n_copies; ++copy) {
    Layer layer = layers_.front();
    for (Linear* linear : {&layer.attn_qkv, &layer.attn_out, &layer.mlp_gate, &layer.mlp_up, &layer.mlp_down}) {
      linear->own_weight(context_.engine);
    }
    layers_.push_back(std::move(layer));
  }
}

void Operator::store_past(const ib_op_desc& desc) {
  const std::int64_t kv_size = decoder::kv_size(desc_);
  info_.kv_bytes = static_cast<std::uint64_t>(op_kv_values(desc)) * sizeof(float);
  if (desc.past == 0) return;
  const Heads past{nullptr, desc.past_kv, desc.past_kv + kv_size, 2 * kv_size};
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    pass_.attention.append(static_cast<std::size_t>(copy), {0, 0, desc.past, 0, nullptr}, past);
  }
}

void Operator::rotate() {
  const std::int64_t n_heads = std::int64_t{desc_.n_heads} + desc_.n_kv_heads;
  pass_.rotary.run(layers_.front().desc.rotary_table, input_.data(), rows_, n_heads, n_heads * desc_.head_dim,
                   result_.data());
}

void Operator::run(std::int32_t copy) {
  context_.use_threads();
  const auto index = static_cast<std::size_t>(copy);
  const Layer& layer = layers_[index];
  const float* x = input_.data();
  switch (op_) {
    case IB_OP_NORM:
      return pass_.norm(layer.attn_norm, x, rows_, result_.data());
    case IB_OP_LINEAR:
      return pass_.product(layer.mlp_up, x, rows_, result_.data(), Then::kStore);
    case IB_OP_ATTENTION:
      return pass_.attend(layer, index, plan_.segments(), x, rows_, result_.data());
    case IB_OP_ACTIVATION:
      return pass_.activate(x, rows_, static_cast<std::int64_t>(input_.size()) / rows_, result_.data());
    case IB_OP_SOFTMAX:
      return pass_.softmax(x, rows_, desc_.hidden_size, result_.data());
    case IB_OP_MLP:
      return pass_.mlp(layer, x, rows_, result_.data(), Then::kStore);
    case IB_OP_ROTARY:
      return rotate();
    default:
      std::copy(input_.begin(), input_.end(), pass_.x.begin());
      return pass_.run(layer, index, plan_.segments(), rows_);
  }
}

void Operator::output(float* result) const {
  const std::vector<float>& from = op_ == IB_OP_LAYER ? pass_.x : result_;
  std::copy(from.begin(), from.end(), result);
}

}  // namespace inferbench::onednn
