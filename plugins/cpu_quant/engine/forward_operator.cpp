// SPDX-License-Identifier: Apache-2.0
// Parts of a forward pass as single operators: the same steps, shared out to the threads in the same way.
#include <algorithm>
#include <cstring>

#include "engine/forward.hpp"
#include "inferbench/op_bench.hpp"

namespace inferbench::cpu_quant {

void ForwardPass::place_input(const ib_op_desc& desc) {
  if (desc.op == IB_OP_GELU) throw Failure(IB_UNSUPPORTED, "the activation is a part of the MLP's first product here");
  if (desc.op == IB_OP_SOFTMAX) throw Failure(IB_UNSUPPORTED, "softmax is a part of attention here");
  const auto n = static_cast<std::size_t>(desc.rows * op_input_columns(desc));
  if (desc.op == IB_OP_LAYER_NORM) std::copy_n(desc.input, n, x_);
  if (desc.op == IB_OP_ATTENTION) std::copy_n(desc.input, n, qkv_);
  // A product reads quantized rows: what attention leaves is quantized before one, as here.
  if (desc.op == IB_OP_LINEAR || desc.op == IB_OP_MLP) std::copy_n(desc.input, n, attention_);
  // The MLP's second product adds to x.
  if (desc.op == IB_OP_MLP) placed_.assign(n, 0.0F);
  if (desc.op == IB_OP_BLOCK) placed_.assign(desc.input, desc.input + n);
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
  const Layer& layer = model_.layers[static_cast<std::size_t>(i)];
  const std::int32_t rows = batch_->pass().n_rows();
  const auto heads = static_cast<std::size_t>(model_.shape.n_heads);
  switch (op) {
    case IB_OP_LAYER_NORM:
      steps_.add_row_work({Op::NormAttention, i}, rows);
      break;
    case IB_OP_LINEAR:
      steps_.add_row_work({Op::QuantizeAttention, i}, rows);
      add_product(Op::Qkv, i, layer.attn_qkv, rows);
      break;
    case IB_OP_ATTENTION:
      if (batch_->appends_first()) steps_.add(Op::Append, i, rows, batch_->pass().segments().size() * heads);
      add_attention(i, rows, false);
      if (!quantizes_heads()) steps_.add_row_work({Op::QuantizeAttention, i}, rows);
      break;
    case IB_OP_MLP:
      steps_.add_row_work({Op::Place, i}, rows);
      steps_.add_row_work({Op::QuantizeAttention, i}, rows);
      add_product(Op::Fc, i, layer.mlp_fc, rows);
      add_product(Op::MlpProj, i, layer.mlp_proj, rows);
      break;
    default:
      steps_.add_row_work({Op::Place, i}, rows);
      add_layer(i);
      break;
  }
}

void ForwardPass::read_result(std::int32_t op, float* result) const {
  const std::int32_t width = model_.shape.width;
  const std::int32_t n_rows = batch_->pass().n_rows();
  const std::int64_t rows = n_rows;
  if (op == IB_OP_LINEAR) {
    std::copy_n(qkv_, rows * model_.linear_outputs, result);
  } else if (op == IB_OP_ATTENTION) {
    std::copy_n(attention_, rows * width, result);
  } else if (op != IB_OP_LAYER_NORM) {
    std::copy_n(x_, rows * width, result);
  } else {
    for (std::int32_t r = 0; r < n_rows; ++r) {
      const std::uint8_t* row = product_row(width_rows_, width, n_rows, r);
      for (std::int32_t i = 0; i < width; ++i) {
        result[std::int64_t{r} * width + i] = signed_row_value(row_kernels(n_rows).format, row, width, i);
      }
    }
  }
}

}  // namespace inferbench::cpu_quant
