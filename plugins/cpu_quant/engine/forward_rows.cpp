// SPDX-License-Identifier: Apache-2.0
// The work on rows of a forward pass: embedding, norms, what lies between two products.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/forward.hpp"

namespace inferbench::cpu_quant {

void ForwardPass::row_work(RowWork work, std::int32_t n_rows, RowRange rows) {
  const auto [op, layer] = work;
  const std::int32_t begin = rows.begin;
  const std::int32_t end = rows.end;
  const std::int32_t n = end - begin;
  if (n <= 0) return;
  const std::int32_t hidden = model_.shape.hidden_size;
  const std::int32_t queries = model_.shape.n_heads * model_.shape.head_dim;
  const RowKernels& to_rows = row_kernels(n_rows);
  float* x = x_ + std::int64_t{begin} * hidden;
  const auto norm_rows = [&](const NormArgs& norm) {
    to_rows.from_norm(x, hidden, n, hidden, &norm, product_row(input_rows_, hidden, n_rows, begin));
  };
  const auto add_branch = [&](const NormArgs& norm) {
    kernels_.add_norm(attention_ + std::int64_t{begin} * hidden, hidden, n, hidden, &norm, x, hidden);
  };
  switch (op) {
    case Op::Embed:
      embed(begin, end);
      fill_rotary(*batch_, begin, end);
      break;
    case Op::Place:
      std::copy_n(placed_.data() + std::int64_t{begin} * hidden, std::int64_t{n} * hidden, x);
      break;
    case Op::PlaceRows:
      std::fill_n(x, std::int64_t{n} * hidden, 0.0F);
      to_rows.from_floats(placed_.data() + std::int64_t{begin} * hidden, hidden, n, whole_row(hidden),
                          product_row(input_rows_, hidden, n_rows, begin));
      break;
    case Op::NormAttention:
      norm_rows(layer_of(layer).attn_norm);
      break;
    case Op::QuantizeAttention:
      to_rows.from_floats(attention_ + std::int64_t{begin} * queries, queries, n, whole_row(queries),
                          product_row(input_rows_, queries, n_rows, begin));
      break;
    case Op::AddAttention:
      add_branch(layer_of(layer).attn_post_norm);
      break;
    case Op::NormMlp:
      norm_rows(layer_of(layer).mlp_norm);
      break;
    case Op::AddMlp:
      add_branch(layer_of(layer).mlp_post_norm);
      break;
    case Op::NormHead:
      norm_outputs(n_rows, rows);
      break;
    default:
      break;
  }
}

void ForwardPass::norm_outputs(std::int32_t n_rows, RowRange rows) {
  const std::int32_t hidden = model_.shape.hidden_size;
  for (std::int32_t i = rows.begin; i < rows.end; ++i) {
    const std::int64_t row = batch_->outputs_few() ? i : batch_->pass().output_rows()[static_cast<std::size_t>(i)];
    const WeightFormat format = model_.head.format;
    row_kernels(n_rows, format)
        .from_norm(x_ + row * hidden, hidden, 1, hidden, &model_.final_norm,
                   product_row(input_rows_, hidden, n_rows, i, format));
  }
}

void ForwardPass::embed(std::int32_t begin, std::int32_t end) {
  const std::int64_t hidden = model_.shape.hidden_size;
  const auto scale = static_cast<float>(model_.shape.embedding_scale);
  const Linear& table = model_.embedding;
  const auto dequantize = table.format == WeightFormat::Int5 ? int5_.dequantize_row : kernels_.dequantize_row_i8;
  for (std::int32_t row = begin; row < end; ++row) {
    float* x = x_ + row * hidden;
    const std::int64_t position = batch_->pass().positions()[static_cast<std::size_t>(row)];
    const float* add = model_.positions == nullptr ? nullptr : model_.positions + position * hidden;
    const bool scales = scale != 1.0F;
    dequantize(table.weights, table.k, batch_->pass().tokens()[static_cast<std::size_t>(row)], scales ? nullptr : add,
               x);
    for (std::int64_t i = 0; scales && i < hidden; ++i) x[i] = scale * x[i] + (add == nullptr ? 0.0F : add[i]);
  }
}

/// In double precision: a position times a frequency has more digits than a float.
void ForwardPass::fill_rotary(const Batch& batch, std::int32_t begin, std::int32_t end) {
  const ib_model_desc& shape = model_.shape;
  const std::int32_t half = shape.head_dim / 2;
  float* out = rotary_ + std::int64_t{begin} * shape.n_rotary_tables * shape.head_dim;
  for (std::int32_t row = begin; row < end; ++row) {
    const double position = batch.pass().positions()[static_cast<std::size_t>(row)];
    for (std::int32_t table = 0; table < shape.n_rotary_tables; ++table, out += shape.head_dim) {
      const double* frequencies = shape.rotary_frequencies + std::int64_t{table} * half;
      const double scale = shape.rotary_scales[table];
      for (std::int32_t i = 0; i < half; ++i) {
        out[i] = static_cast<float>(scale * std::cos(position * frequencies[i]));
        out[half + i] = static_cast<float>(scale * std::sin(position * frequencies[i]));
      }
    }
  }
}

/// Moves the output rows of x to its front. They ascend, so each is read before it is overwritten.
void ForwardPass::gather_outputs() {
  const auto hidden = static_cast<std::size_t>(model_.shape.hidden_size);
  float* to = x_;
  for (const std::int32_t row : batch_->pass().output_rows()) {
    std::memmove(to, x_ + static_cast<std::size_t>(row) * hidden, hidden * sizeof(float));
    to += hidden;
  }
}

}  // namespace inferbench::cpu_quant
