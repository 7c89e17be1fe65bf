// SPDX-License-Identifier: Apache-2.0
#include "engine/operator.hpp"

#include <string>

#include "inferbench/op_bench.hpp"

namespace inferbench::cpu_quant {
namespace {

KvShape cache_shape(const Model& model, const ib_op_desc& op) {
  const std::int32_t type = model.options.kv_type;
  if (!op_has_positions(op.op)) return {type, 1, 1, 1, 1, 1};
  return {type, 1, op.n_copies, model.shape.n_kv_heads, model.shape.head_dim, op.past + op.rows};
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& op)
    : op_(op.op),
      model_(context, op),
      cache_(cache_shape(model_, op), context.team.n_threads(), context.memory),
      batch_({1, op.past + op.rows, op.rows, 1}, op.rows,
             {model_.kernels.attention_rows, model_.shape.n_heads, context.team.n_threads()}),
      pass_(model_, cache_, op.rows, 0) {
  if (op.rows > model_.options.chunk) {
    throw Failure(IB_UNSUPPORTED,
                  "option chunk lets " + std::to_string(model_.options.chunk) + " rows through the layers at once");
  }
  batch_.begin_rows(op.rows, op.past);
  pass_.place_input(op, batch_);

  info_.struct_size = sizeof info_;
  info_.weights_bytes = model_.info().weights_bytes;
  info_.kernels = model_.kernels.name;
  if (!op_has_positions(op.op)) return;
  append_past(op);
  info_.kv_bytes = kv_bytes(op);
}

/// Of the keys and values that the rows together see, in whole heads.
std::uint64_t Operator::kv_bytes(const ib_op_desc& op) const {
  const ib_model_desc& shape = model_.shape;
  const std::int32_t positions = op.past + op.rows - first_seen(op.past, shape.layers[0].window);
  std::int64_t head = shape.head_dim * kv_element_bytes(cache_.type());
  if (cache_.type() == kKvInt8) head += static_cast<std::int64_t>(sizeof(float));
  return static_cast<std::uint64_t>(std::int64_t{2} * positions * shape.n_kv_heads * head);
}

void Operator::append_past(const ib_op_desc& op) {
  if (op.past == 0) return;
  const std::int64_t kv = decoder::kv_size(model_.shape);
  for (std::int32_t copy = 0; copy < op.n_copies; ++copy) {
    for (std::int32_t group = 0; group < cache_.n_groups(); ++group) {
      AttentionArgs args = cache_.args(0, copy, group);
      args.k = op.past_kv + std::int64_t{cache_.group(group).first} * cache_.head_dim();
      args.v = args.k + kv;
      args.kv_stride = 2 * kv;
      args.n_rows = op.past;
      model_.kernels.kv_append(&args);
    }
  }
}

void Operator::run(std::int32_t copy) {
  if (!pass_.run_operator(op_, copy, batch_)) throw Failure(IB_CANCELLED, "cancelled by the host");
}

}  // namespace inferbench::cpu_quant
