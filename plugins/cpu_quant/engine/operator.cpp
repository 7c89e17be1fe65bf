// SPDX-License-Identifier: Apache-2.0
#include "engine/operator.hpp"

#include <string>

#include "inferbench/op_bench.hpp"

namespace inferbench::cpu_quant {
namespace {

KvShape cache_shape(const Model& model, const ib_op_desc& desc) {
  const std::int32_t type = model.options.kv_type;
  if (!op_has_heads(desc)) return {type, 1, 1, 1, 1, 1};
  return {type, 1, desc.n_copies, desc.heads, desc.width / desc.heads, desc.past + desc.rows};
}

}  // namespace

Operator::Operator(Context& context, const ib_op_desc& desc)
    : op_(desc.op),
      model_(context, desc),
      cache_(cache_shape(model_, desc), context.team.n_threads(), context.memory),
      batch_({1, desc.past + desc.rows, desc.rows, 1}, desc.rows,
             {model_.kernels.attention_rows, model_.shape.n_heads, context.team.n_threads()}),
      pass_(model_, cache_, desc.rows, 1) {
  if (desc.rows > model_.options.chunk) {
    throw Failure(IB_UNSUPPORTED,
                  "option chunk lets " + std::to_string(model_.options.chunk) + " rows through the layers at once");
  }
  pass_.place_input(desc);
  batch_.begin_rows(desc.rows, desc.past);

  info_.struct_size = sizeof info_;
  info_.weights_bytes = model_.info().weights_bytes;
  info_.kernels = model_.kernels.name;
  if (!op_has_heads(desc)) return;
  append_past(desc);
  const auto positions = static_cast<std::uint64_t>(desc.past) + static_cast<std::uint64_t>(desc.rows);
  info_.kv_bytes = 2 * positions * static_cast<std::uint64_t>(desc.width) *
                   static_cast<std::uint64_t>(kv_element_bytes(cache_.type()));
  if (cache_.type() == kKvInt8)
    info_.kv_bytes += 2 * positions * static_cast<std::uint64_t>(desc.heads) * sizeof(float);
}

void Operator::append_past(const ib_op_desc& desc) {
  if (desc.past == 0) return;
  for (std::int32_t copy = 0; copy < desc.n_copies; ++copy) {
    for (std::int32_t group = 0; group < cache_.n_groups(); ++group) {
      AttentionArgs args = cache_.args(0, copy, group);
      args.k = desc.past_kv + std::int64_t{cache_.group(group).first} * cache_.head_dim();
      args.v = args.k + desc.width;
      args.kv_stride = std::int64_t{2} * desc.width;
      args.n_rows = desc.past;
      model_.kernels.kv_append(&args);
    }
  }
}

void Operator::run(std::int32_t copy) {
  if (!pass_.run_operator(op_, copy, batch_)) throw Failure(IB_CANCELLED, "cancelled by the host");
}

}  // namespace inferbench::cpu_quant
