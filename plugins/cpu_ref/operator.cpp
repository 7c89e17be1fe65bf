// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <algorithm>
#include <string>

#include "forward.hpp"
#include "inferbench/op_bench.hpp"
#include "load.hpp"
#include "parts.hpp"

namespace inferbench::cpu_ref {
namespace {

Shape shape_of(const ib_op_desc& desc) {
  Shape shape;
  shape.n_layers = op_has_heads(desc) ? desc.n_copies : 1;  // of the cache
  shape.n_heads = op_has_heads(desc) ? desc.heads : 1;
  shape.width = desc.width;
  shape.head_width = shape.width / shape.n_heads;
  // The work space that is `inner` wide holds the results of these.
  shape.inner = desc.op == IB_OP_LINEAR ? desc.outputs : op_has_inner(desc) ? desc.inner : desc.width;
  shape.context = std::int64_t{desc.past} + desc.rows;
  shape.vocab = 1;
  shape.activation = desc.activation;
  shape.epsilon = static_cast<float>(desc.layer_norm_epsilon);
  return shape;
}

Model model_for(Context& context, const ib_op_desc& desc) {
  if (desc.rows > kPassRows) {
    throw Failure(IB_UNSUPPORTED, "a forward pass takes at most " + std::to_string(kPassRows) + " rows at once");
  }
  return {context, kernels_for(desc.precision, OptionReader(desc.options, desc.n_options)), shape_of(desc)};
}

ib_session_params session_for(const ib_op_desc& desc) {
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = 1;
  params.max_tokens = desc.past + desc.rows;
  params.max_forward_tokens = desc.rows;
  return params;
}

// The weights of one copy that the operator has; how many floats they take.
std::int64_t lay_out(std::int32_t op, const Shape& shape, Layer& layer, float* base) {
  Parts parts(base);
  if (op == IB_OP_LAYER_NORM || op == IB_OP_BLOCK) layer.ln_1 = parts.norm(shape.width);
  if (op == IB_OP_BLOCK) {
    layer.attn_in = parts.linear(shape.width, 3 * shape.width);
    layer.attn_out = parts.linear(shape.width, shape.width);
    layer.ln_2 = parts.norm(shape.width);
  }
  if (op == IB_OP_LINEAR || op == IB_OP_MLP || op == IB_OP_BLOCK) {
    layer.mlp_in = parts.linear(shape.width, shape.inner);
  }
  if (op == IB_OP_MLP || op == IB_OP_BLOCK) layer.mlp_out = parts.linear(shape.inner, shape.width);
  return parts.n_floats();
}

void load_layer(Loader& load, std::int32_t op, const Shape& shape, const Layer& layer) {
  const auto norm = [&](const std::string& name, const Norm& to) {
    load.copy(name + "weight", {shape.width}, to.weight);
    load.copy(name + "bias", {shape.width}, to.bias);
  };
  const auto linear = [&](const std::string& name, const Linear& to) {
    load.pack(name + "weight", to.weight, false);
    load.copy(name + "bias", {to.weight.outputs}, to.bias);
  };
  if (op == IB_OP_LAYER_NORM) norm("", layer.ln_1);
  if (op == IB_OP_LINEAR) linear("", layer.mlp_in);
  if (op == IB_OP_MLP) {
    linear("c_fc.", layer.mlp_in);
    linear("c_proj.", layer.mlp_out);
  }
  if (op == IB_OP_BLOCK) {
    norm("ln_1.", layer.ln_1);
    linear("attn.c_attn.", layer.attn_in);
    linear("attn.c_proj.", layer.attn_out);
    norm("ln_2.", layer.ln_2);
    linear("mlp.c_fc.", layer.mlp_in);
    linear("mlp.c_proj.", layer.mlp_out);
  }
}

void copy_rows(const Rows& from, const Rows& to, std::int64_t columns) {
  for (std::int64_t r = 0; r < from.n; ++r) std::copy_n(from.row(r), columns, to.row(r));
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : op_(desc.op),
      columns_(op_output_columns(desc)),
      model_(model_for(context, desc)),
      session_(model_, session_for(desc)) {
  load_weights(desc);
  if (op_has_heads(desc)) store_past(desc);
  place_rows(desc);
  info_.struct_size = sizeof(info_);
  if (op_has_heads(desc)) {
    info_.kv_bytes = static_cast<std::uint64_t>(2 * model_.shape.context * model_.shape.width) * sizeof(float);
  }
  info_.kernels = model_.engine.kernels->name;
}

void Operator::load_weights(const ib_op_desc& desc) {
  model_.layers.resize(static_cast<std::size_t>(desc.n_copies));
  const std::int64_t n_floats = lay_out(op_, model_.shape, model_.layers.front(), nullptr);
  info_.weights_bytes = static_cast<std::uint64_t>(n_floats) * sizeof(float);
  if (n_floats == 0) return;
  model_.storage = Buffer(n_floats * desc.n_copies);
  float* base = model_.storage.data();
  for (Layer& layer : model_.layers) {
    lay_out(op_, model_.shape, layer, base);
    base += n_floats;
  }
  Loader load(desc.tensors, desc.n_tensors, model_.context->pool, model_.context->host);
  load_layer(load, op_, model_.shape, model_.layers.front());
  model_.engine.pool->parallel_for(desc.n_copies - 1, [&](std::int64_t copy, int) {
    std::copy_n(model_.storage.data(), n_floats, model_.storage.data() + (copy + 1) * n_floats);
  });
}

void Operator::store_past(const ib_op_desc& desc) {
  const Shape& shape = model_.shape;
  model_.engine.pool->parallel_for(shape.n_layers * shape.n_heads, [&](std::int64_t item, int) {
    const std::int64_t head = item % shape.n_heads;
    for (std::int64_t position = 0; position < desc.past; ++position) {
      const float* key = desc.past_kv + position * 2 * shape.width + head * shape.head_width;
      session_.cache.store(0, item / shape.n_heads, head, position, key, key + shape.width);
    }
  });
  session_.plan.begin_rows(desc.rows, desc.past);
}

void Operator::place_rows(const ib_op_desc& desc) {
  const std::int64_t columns = op_input_columns(desc);
  const auto rows = std::int64_t{desc.rows};
  input_ = session_.x;
  result_ = session_.normed;
  if (op_ == IB_OP_LINEAR || op_ == IB_OP_MLP) input_ = session_.normed;
  if (op_ == IB_OP_LINEAR || op_ == IB_OP_GELU || op_ == IB_OP_SOFTMAX) result_ = session_.hidden;
  if (op_ == IB_OP_MLP || op_ == IB_OP_BLOCK) result_ = session_.x;
  if (op_ == IB_OP_ATTENTION) input_ = session_.qkv;
  if (op_ == IB_OP_BLOCK) {
    storage_ = Buffer(rows * columns);
    input_ = {storage_.data(), rows, columns};
  }
  input_ = input_.first(rows);
  result_ = result_.first(rows);
  for (std::int64_t r = 0; r < rows; ++r) std::copy_n(desc.input + r * columns, columns, input_.row(r));
}

template <typename Operation>
void Operator::on_copied_rows(Operation operation) {
  model_.engine.pool->parallel_for(input_.n, [&](std::int64_t r, int) {
    std::copy_n(input_.row(r), columns_, result_.row(r));
    operation(result_.row(r));
  });
}

void Operator::run(std::int32_t copy) {
  const Layer& layer = model_.layers[static_cast<std::size_t>(copy)];
  const Kernels& kernels = *model_.engine.kernels;
  switch (op_) {
    case IB_OP_LAYER_NORM:
      return layer_norm(model_, layer.ln_1, input_, result_);
    case IB_OP_LINEAR:
      return linear(model_.engine, layer.mlp_in.weight, layer.mlp_in.bias, input_, result_, Into::kReplace);
    case IB_OP_ATTENTION:
      return attention(session_, copy, input_, result_);
    case IB_OP_GELU:
      return on_copied_rows([apply = activation_of(model_), this](float* row) { apply(row, columns_); });
    case IB_OP_SOFTMAX:
      return on_copied_rows([&](float* row) { kernels.softmax(row, columns_, round_up(columns_, 16), 1.0F); });
    case IB_OP_MLP: {
      const Rows hidden = session_.hidden.first(input_.n);
      linear(model_.engine, layer.mlp_in.weight, layer.mlp_in.bias, input_, hidden, Into::kReplace);
      activate(model_, hidden);
      return linear(model_.engine, layer.mlp_out.weight, layer.mlp_out.bias, hidden, result_, Into::kReplace);
    }
    default:
      copy_rows(input_, result_, columns_);
      return run_layer(session_, copy, input_.n);
  }
}

void Operator::output(float* result) const {
  copy_rows(result_, {result, result_.n, columns_}, columns_);
}

}  // namespace inferbench::cpu_ref
