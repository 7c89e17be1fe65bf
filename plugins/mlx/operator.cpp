// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <string_view>

#include "inferbench/engine_passes.hpp"
#include "inferbench/op_bench.hpp"
#include "loader.hpp"

namespace inferbench::mlx_backend {
namespace {

Format op_format(const ib_op_desc& op, bool is_gpu) {
  if (std::string_view(op.precision) == kOfTheFolder) {
    throw Failure(IB_UNSUPPORTED, "the matrices of this precision are part of a model's folder");
  }
  return read_format(op.precision, OptionReader(op.options, op.n_options), is_gpu);
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : context_(context), op_(desc.op), desc_(numbers_of(*desc.desc)), format_(op_format(desc, context.is_gpu())) {
  check_op_rows(desc, kPassRows);
  in_mlx([&] {
    context_.use_stream();
    load(desc);
  });
  info_.struct_size = sizeof info_;
  info_.kernels = context.kernels().c_str();
}

void Operator::load(const ib_op_desc& desc) {
  const mx::Shape shape = {desc.rows, extent(op_input_columns(desc))};
  input_ = as_type(mx::array(desc.input, shape), format_.dtype);
  activation_ = make_activation(desc_, read_compile(OptionReader(desc.options, desc.n_options), context_.is_gpu()));
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    Layer& layer = layers_.emplace_back(Loader({format_}, context_.host, *desc.desc).operator_layer(op_));
    layer.set_norm_type(format_.dtype);
  }
  info_.weights_bytes = layers_.front().bytes();
  if (!op_has_positions(op_)) return;
  tables_ = RotaryTables(*desc.desc);
  const std::int64_t max_tokens = std::int64_t{desc.past} + desc.rows;
  pass_.emplace(op_plan(desc, kPassRows, segment_rows(*desc.desc, max_tokens)).segments());
  if (op_ != IB_OP_ROTARY) store_past(desc);
}

// Each copy has a layer of the cache.
void Operator::store_past(const ib_op_desc& desc) {
  ib_model_desc copies = desc_;
  copies.n_layers = desc.n_copies;
  attention_.emplace(copies, 1, desc.past + desc.rows, format_.dtype);
  info_.kv_bytes = static_cast<std::uint64_t>(op_kv_values(desc)) * format_.dtype.size();
  if (desc.past == 0) return;
  const mx::array kv =
      mx::astype(mx::array(desc.past_kv, mx::Shape{desc.past, 2, desc_.n_kv_heads, desc_.head_dim}), format_.dtype);
  const mx::array keys = mx::take(kv, 0, 1);
  const mx::array values = mx::take(kv, 1, 1);
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    attention_->append(copy, {0, 0, desc.past, 0, nullptr}, keys, values);
  }
}

mx::array Operator::rotated() const {
  const mx::array heads = mx::reshape(*input_, {input_->shape(0), desc_.n_heads + desc_.n_kv_heads, desc_.head_dim});
  return tables_.run(layers_.front().desc.rotary_table, heads, pass_->rows);
}

mx::array Operator::result_of(std::int32_t copy) {
  const Layer& layer = layers_[static_cast<std::size_t>(copy)];
  switch (op_) {
    case IB_OP_NORM:
      return layer.attn_norm.run(*input_, desc_.norm_epsilon);
    case IB_OP_LINEAR:
      return layer.mlp_up.run(*input_);
    case IB_OP_ATTENTION:
      return attend(layer, copy, desc_, tables_, *pass_, *attention_, *input_);
    case IB_OP_ACTIVATION:
      return activated(desc_, activation_, *input_);
    case IB_OP_SOFTMAX:
      return mx::softmax(*input_, std::vector<int>{-1}, true);
    case IB_OP_MLP:
      return run_mlp(layer, desc_, activation_, *input_);
    case IB_OP_ROTARY:
      return rotated();
    default:
      return run_layer(layer, copy, desc_, tables_, activation_, *pass_, *attention_, *input_);
  }
}

void Operator::run(std::int32_t copy) {
  in_mlx([&] {
    context_.use_stream();
    result_ = result_of(copy);
    mx::eval(*result_);
  });
}

void Operator::output(float* result) const {
  in_mlx([&] {
    context_.use_stream();
    mx::array dense = mx::contiguous(mx::astype(*result_, mx::float32));
    mx::eval(dense);
    std::copy_n(dense.data<float>(), dense.size(), result);
  });
}

}  // namespace inferbench::mlx_backend
