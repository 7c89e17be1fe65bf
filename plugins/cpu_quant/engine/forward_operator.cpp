// SPDX-License-Identifier: Apache-2.0
// Parts of a forward pass as single operators: the same steps, shared out to the threads in the same way.
#include <algorithm>
#include <cstring>

#include "engine/forward.hpp"
#include "inferbench/op_bench.hpp"

namespace inferbench::cpu_quant {

void ForwardPass::place_input(const ib_op_desc& desc, const Batch& batch) {
  if (desc.op == IB_OP_ACTIVATION) {
    throw Failure(IB_UNSUPPORTED, "the activation is a part of the MLP's first product here");
  }
  if (desc.op == IB_OP_SOFTMAX) throw Failure(IB_UNSUPPORTED, "softmax is a part of attention here");
  if (desc.op == IB_OP_ROTARY) {
    throw Failure(IB_UNSUPPORTED, "rotation is a part of attention here");
  }
  const std::int64_t columns = op_input_columns(desc);
  const std::int64_t n = desc.rows * columns;
  if (desc.op == IB_OP_NORM) std::copy_n(desc.input, n, x_);
  if (desc.op == IB_OP_LINEAR || desc.op == IB_OP_MLP || desc.op == IB_OP_LAYER) {
    placed_.assign(desc.input, desc.input + n);
  }
  if (!op_has_positions(desc.op)) return;
  fill_rotary(batch, 0, desc.rows);
  if (desc.op != IB_OP_ATTENTION) return;
  const std::int64_t queries = decoder::query_size(model_.shape);
  const std::int64_t kv = decoder::kv_size(model_.shape);
  for (std::int64_t row = 0; row < desc.rows; ++row) {
    const float* from = desc.input + row * columns;
    float* to = qkv_ + row * columns_.n;
    std::copy_n(from, queries, to);
    std::copy_n(from + queries, kv, to + columns_.k);
    std::copy_n(from + queries + kv, kv, to + columns_.v);
  }
}

bool ForwardPass::run_operator(std::int32_t op, std::int32_t layer, const Batch& batch) {
  batch_ = &batch;
  polled_layer_ = layer - 1;
  cancelled_.store(false, std::memory_order_relaxed);
  steps_.clear();
  build_operator(op, layer);
  model_.context.team.run(*this);
  return !cancelled_.load(std::memory_order_relaxed);
}

void ForwardPass::build_operator(std::int32_t op, std::int32_t i) {
  const Layer& layer = layer_of(i);
  const std::int32_t rows = batch_->pass().n_rows();
  switch (op) {
    case IB_OP_NORM:
      steps_.add_row_work({Op::NormAttention, i}, rows);
      break;
    case IB_OP_LINEAR:
      steps_.add_row_work({Op::PlaceRows, i}, rows);
      add_product(Op::Qkv, i, layer.attn_qkv, rows);
      break;
    case IB_OP_ATTENTION:
      add_attention(i, rows, false);
      if (!quantizes_heads()) steps_.add_row_work({Op::QuantizeAttention, i}, rows);
      break;
    case IB_OP_MLP:
      steps_.add_row_work({Op::PlaceRows, i}, rows);
      add_product(Op::Up, i, layer.mlp_up, rows);
      add_product(Op::Down, i, layer.mlp_down, rows);
      break;
    default:
      steps_.add_row_work({Op::Place, i}, rows);
      add_layer(i);
      break;
  }
}

void ForwardPass::read_result(std::int32_t op, float* result) const {
  const std::int32_t hidden = model_.shape.hidden_size;
  const std::int32_t n_rows = batch_->pass().n_rows();
  const std::int64_t rows = n_rows;
  if (op == IB_OP_LINEAR) {
    std::copy_n(qkv_, rows * model_.layers.front().attn_qkv.n, result);
  } else if (op == IB_OP_ATTENTION) {
    std::copy_n(attention_, rows * decoder::query_size(model_.shape), result);
  } else if (op != IB_OP_NORM) {
    const bool is_branch = op == IB_OP_MLP && model_.shape.post_norm != 0;
    std::copy_n(is_branch ? attention_ : x_, rows * hidden, result);
  } else {
    for (std::int32_t r = 0; r < n_rows; ++r) {
      const std::uint8_t* row = product_row(input_rows_, hidden, n_rows, r);
      for (std::int32_t i = 0; i < hidden; ++i) {
        result[std::int64_t{r} * hidden + i] = signed_row_value(row_kernels(n_rows).format, row, hidden, i);
      }
    }
  }
}

}  // namespace inferbench::cpu_quant
