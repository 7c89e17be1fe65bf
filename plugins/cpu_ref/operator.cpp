// SPDX-License-Identifier: Apache-2.0
#include "operator.hpp"

#include <algorithm>

#include "forward.hpp"
#include "inferbench/op_bench.hpp"
#include "load.hpp"
#include "parts.hpp"

namespace inferbench::cpu_ref {
namespace {

bool has_cache(std::int32_t op) {
  return op == IB_OP_ATTENTION || op == IB_OP_LAYER;
}

Shape shape_of_op(const ib_op_desc& op) {
  Shape shape = shape_of(*op.desc);
  shape.n_layers = has_cache(op.op) ? op.n_copies : 0;  // of the cache
  shape.max_positions = std::int64_t{op.past} + op.rows;
  shape.vocab_size = 1;
  if (op.op == IB_OP_LINEAR) shape.gated = false;  // mlp_up by itself
  return shape;
}

LayerParts parts_of_op(std::int32_t op) {
  switch (op) {
    case IB_OP_NORM:
      return kAttnNorm;
    case IB_OP_LINEAR:
      return kMlpIn;
    case IB_OP_ATTENTION:
      return kQkNorm;
    case IB_OP_MLP:
      return kMlpIn | kMlpDown;
    case IB_OP_LAYER:
      return kAllParts;
    default:
      return kNoParts;
  }
}

Model model_for(Context& context, const ib_op_desc& op) {
  check_op_rows(op, kPassRows);
  require(op.past <= INT32_MAX - op.rows, "past and rows exceed 31 bits");
  return {context, kernels_for(op.precision, OptionReader(op.options, op.n_options)), shape_of_op(op), *op.desc};
}

ib_session_params session_for(const ib_op_desc& op) {
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = 1;
  params.max_tokens = op.past + op.rows;
  params.max_forward_tokens = op.rows;
  return params;
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : op_(desc.op),
      input_columns_(op_input_columns(desc)),
      output_columns_(op_output_columns(desc)),
      model_(model_for(context, desc)),
      session_(model_, session_for(desc)) {
  load_weights(desc);
  if (has_cache(op_)) store_past(desc);
  session_.plan.begin_rows(desc.rows, desc.past);
  session_.rotary.reach(model_.shape.max_positions, context.pool);
  place_rows(desc);
  info_.struct_size = sizeof(info_);
  if (has_cache(op_)) {
    const std::int64_t window = model_.layers.front().window;
    // The first row sees `window` positions; each row after it one more that is new.
    const std::int64_t seen =
        window == 0 ? model_.shape.max_positions : std::min(model_.shape.max_positions, window + desc.rows - 1);
    info_.kv_bytes = static_cast<std::uint64_t>(2 * seen * model_.shape.kv_size()) * sizeof(float);
  }
  info_.kernels = model_.engine.kernels->name;
}

void Operator::load_weights(const ib_op_desc& desc) {
  const LayerParts wanted = parts_of_op(op_);
  const auto lay_out = [&](Layer& layer, float* base) {
    Parts parts(base);
    lay_out_layer(parts, model_.shape, wanted, layer);
    return parts.n_floats();
  };
  model_.layers.resize(static_cast<std::size_t>(desc.n_copies));
  for (Layer& layer : model_.layers) describe_layer(*desc.desc, 0, layer);
  const std::int64_t n_floats = lay_out(model_.layers.front(), nullptr);
  info_.weights_bytes = static_cast<std::uint64_t>(n_floats) * sizeof(float);
  if (n_floats == 0) return;
  model_.storage = Buffer(n_floats * desc.n_copies);
  float* base = model_.storage.data();
  for (Layer& layer : model_.layers) {
    lay_out(layer, base);
    base += n_floats;
  }
  Loader load(desc.desc->tensors, desc.desc->n_tensors, model_.context->pool, model_.context->host);
  load_layer(load, model_.shape, wanted, 0, model_.layers.front());
  model_.engine.pool->parallel_for(desc.n_copies - 1, [&](std::int64_t copy, int) {
    std::copy_n(model_.storage.data(), n_floats, model_.storage.data() + (copy + 1) * n_floats);
  });
}

void Operator::store_past(const ib_op_desc& desc) {
  const Shape& shape = model_.shape;
  model_.engine.pool->parallel_for(shape.n_layers * shape.n_kv_heads, [&](std::int64_t item, int) {
    const std::int64_t head = item % shape.n_kv_heads;
    for (std::int64_t position = 0; position < desc.past; ++position) {
      const float* key = desc.past_kv + position * 2 * shape.kv_size() + head * shape.head_dim;
      session_.cache.store(0, item / shape.n_kv_heads, head, position, key, key + shape.kv_size());
    }
  });
}

void Operator::place_rows(const ib_op_desc& desc) {
  const auto rows = std::int64_t{desc.rows};
  storage_ = Buffer(rows * stride_of(input_columns_));
  input_ = {storage_.data(), rows, stride_of(input_columns_)};
  for (std::int64_t r = 0; r < rows; ++r) {
    std::copy_n(desc.input + r * input_columns_, input_columns_, input_.row(r));
  }
  switch (op_) {
    case IB_OP_NORM:
    case IB_OP_SOFTMAX:
      result_ = session_.normed;
      break;
    case IB_OP_LINEAR:
    case IB_OP_ATTENTION:
    case IB_OP_ACTIVATION:
      result_ = session_.wide;
      break;
    case IB_OP_ROTARY:
      result_ = session_.qkv;
      break;
    default:
      result_ = session_.x;
  }
  result_ = result_.first(rows);
}

template <typename Operation>
void Operator::on_copied_rows(const Rows& work, Operation operation) {
  model_.engine.pool->parallel_for(input_.n, [&](std::int64_t r, int) {
    std::copy_n(input_.row(r), input_columns_, work.row(r));
    operation(r, work.row(r));
  });
}

void Operator::run_attention_of(std::int32_t copy) {
  const Layer& layer = model_.layers[static_cast<std::size_t>(copy)];
  if (layer.q_norm == nullptr && layer.rotary_table < 0) return run_attention(session_, copy, input_, result_);
  const Rows qkv = session_.qkv.first(input_.n);  // queries and keys change in place
  on_copied_rows(qkv, [](std::int64_t, float*) {});
  run_attention(session_, copy, qkv, result_);
}

void Operator::run(std::int32_t copy) {
  const Layer& layer = model_.layers[static_cast<std::size_t>(copy)];
  switch (op_) {
    case IB_OP_NORM:
      return norm(model_, layer.attn_norm, input_, result_);
    case IB_OP_LINEAR:
      return linear(model_.engine, layer.mlp_in.weight, layer.mlp_in.bias, input_, result_, Into::kReplace);
    case IB_OP_ATTENTION:
      return run_attention_of(copy);
    case IB_OP_ACTIVATION:
      return on_copied_rows(result_, [this](std::int64_t, float* row) { activate_row(model_, row); });
    case IB_OP_SOFTMAX:
      return on_copied_rows(result_, [this](std::int64_t, float* row) {
        model_.engine.kernels->softmax(row, output_columns_, round_up(output_columns_, 16), 1.0F);
      });
    case IB_OP_MLP:
      return run_mlp(model_, layer, input_, session_.wide.first(input_.n), result_, Into::kReplace);
    case IB_OP_ROTARY:
      return on_copied_rows(result_, [&](std::int64_t r, float* row) {
        rotate_row(session_, layer, session_.plan.positions().data()[r], row);
      });
    default:
      on_copied_rows(result_, [](std::int64_t, float*) {});
      return run_layer(session_, copy, input_.n);
  }
}

void Operator::output(float* result) const {
  for (std::int64_t r = 0; r < result_.n; ++r)
    std::copy_n(result_.row(r), output_columns_, result + r * output_columns_);
}

}  // namespace inferbench::cpu_ref
