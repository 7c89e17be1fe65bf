// SPDX-License-Identifier: Apache-2.0
// What the items of a forward pass compute.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/forward.hpp"

namespace inferbench::cpu_quant {

void ForwardPass::run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Step& step = steps_[phase];
  switch (step.op) {
    case Op::Qkv:
    case Op::AttentionProj:
    case Op::Fc:
    case Op::MlpProj:
      return product_item(step, item, thread);
    case Op::Head:
      return head_item(step, item, thread);
    case Op::Append:
      return append_item(step, item, thread);
    case Op::Attention:
      return attention_item(step, item, thread);
    default:
      break;
  }
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto wanted = static_cast<std::int32_t>(batch_->wanted().size());
  const std::int32_t rows = step.op == Op::NormHead ? wanted : batch_->n_rows();
  const auto items = static_cast<std::int32_t>(step.n_items);
  const std::int32_t per_item = (rows + items - 1) / items;
  const std::int32_t begin = static_cast<std::int32_t>(item) * per_item;
  row_work(step.op, step.layer, begin, std::min(begin + per_item, rows));
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::finish_phase(std::uint32_t phase, int thread) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Step& step = steps_[phase];
  if (step.after != Op::None) {
    const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
    row_work(step.after, step.after_layer, 0, 1);
    if (profile_.is_on()) record(step.after, step.after_layer, thread, begin_ns, 0, 0);
  }
  if (step.op == Op::Head && params_->output == IB_OUTPUT_GREEDY) pick_best();
}

void ForwardPass::row_work(Op op, std::int32_t layer, std::int32_t begin, std::int32_t end) {
  const std::int32_t width = model_.shape.width;
  const std::int32_t inner = model_.shape.inner;
  const auto epsilon = static_cast<float>(model_.shape.layer_norm_epsilon);
  const std::int32_t n = end - begin;
  if (n <= 0) return;
  std::uint8_t* narrow = quantized(quantized_width_, width, begin);
  switch (op) {
    case Op::Embed:
      embed(begin, end);
      break;
    case Op::NormAttention:
    case Op::NormMlp: {
      const Layer& weights = model_.layers[static_cast<std::size_t>(layer)];
      const Norm& norm = op == Op::NormAttention ? weights.ln_1 : weights.ln_2;
      kernels_.layernorm_quantize_rows(x_ + std::int64_t{begin} * width, width, n, width, norm.weight, norm.bias,
                                       epsilon, narrow);
      break;
    }
    case Op::QuantizeAttention:
      kernels_.quantize_rows(attention_ + std::int64_t{begin} * width, width, n, width, narrow);
      break;
    case Op::QuantizeHidden: {
      const WeightFormat format = model_.layers[static_cast<std::size_t>(layer)].mlp_proj.format;
      const std::int32_t unsigned_hidden = format == WeightFormat::Int8Signed ? 1 : 0;
      kernels_.activate_quantize_rows(hidden_ + std::int64_t{begin} * inner, inner, n, inner, model_.shape.activation,
                                      unsigned_hidden, quantized(quantized_hidden_, inner, begin));
      break;
    }
    case Op::NormHead:
      for (std::int32_t i = begin; i < end; ++i) {
        const std::int64_t row = batch_->wanted()[static_cast<std::size_t>(i)];
        kernels_.layernorm_quantize_rows(x_ + row * width, width, 1, width, model_.ln_f.weight, model_.ln_f.bias,
                                         epsilon, quantized(quantized_width_, width, i));
      }
      break;
    default:
      break;
  }
}

void ForwardPass::embed(std::int32_t begin, std::int32_t end) {
  const std::int64_t width = model_.shape.width;
  const Linear& table = model_.embedding;
  const auto dequantize = table.format == WeightFormat::Int4 ? kernels_.dequantize_row_i4 : kernels_.dequantize_row_i8;
  for (std::int32_t row = begin; row < end; ++row) {
    const float* position = model_.positions + batch_->positions()[row] * width;
    dequantize(table.weights, table.k, batch_->tokens()[row], position, x_ + row * width);
  }
}

const Linear& ForwardPass::linear_of(const Step& step) const {
  if (step.op == Op::Head) return model_.head;
  const Layer& layer = model_.layers[static_cast<std::size_t>(step.layer)];
  switch (step.op) {
    case Op::Qkv:
      return layer.attn_qkv;
    case Op::AttentionProj:
      return layer.attn_proj;
    case Op::Fc:
      return layer.mlp_fc;
    default:
      return layer.mlp_proj;
  }
}

MatmulArgs ForwardPass::product_args(const Step& step) const {
  const Linear& linear = linear_of(step);
  MatmulArgs args{};
  args.weights = linear.weights;
  args.bias = linear.bias;
  args.n = linear.n;
  args.k = linear.k;
  args.m = batch_->n_rows();
  args.ldc = linear.n;
  args.unsigned_rows = linear.format == WeightFormat::Int8Signed ? 1 : 0;
  args.rows = step.op == Op::MlpProj ? quantized_hidden_ : quantized_width_;
  switch (step.op) {
    case Op::Qkv:
      args.c = qkv_;
      break;
    case Op::Fc:
      args.c = hidden_;
      break;
    default:
      args.c = x_;
      args.accumulate = 1;
      break;
  }
  return args;
}

void ForwardPass::multiply(const MatmulArgs& args, WeightFormat format, std::int32_t tile_begin, std::int32_t tile_end,
                           std::int32_t row_begin, std::int32_t row_end, int thread) {
  const bool int4 = format == WeightFormat::Int4;
  if (args.m <= kMaxGemvRows) {
    (int4 ? kernels_.gemv_i4 : kernels_.gemv_i8)(&args, tile_begin, tile_end);
  } else {
    std::uint8_t* scratch = thread_scratch_[static_cast<std::size_t>(thread)];
    (int4 ? kernels_.gemm_i4 : kernels_.gemm_i8)(&args, tile_begin, tile_end, row_begin, row_end, scratch);
  }
}

void ForwardPass::product_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const Linear& linear = linear_of(step);
  const MatmulArgs args = product_args(step);
  // Items of one row block follow each other: its quantized rows stay in the caches while the weights pass by.
  const std::int32_t row_begin = static_cast<std::int32_t>(item) / step.grid.tile_blocks * step.grid.rows;
  const std::int32_t row_end = std::min(row_begin + step.grid.rows, args.m);
  const std::int32_t tile_begin = static_cast<std::int32_t>(item) % step.grid.tile_blocks * step.grid.tiles;
  const std::int32_t tile_end = std::min(tile_begin + step.grid.tiles, n_tiles(linear.n));
  multiply(args, linear.format, tile_begin, tile_end, row_begin, row_end, thread);
  const std::int32_t first = tile_begin * kTile;
  const std::int32_t columns = std::min(tile_end * kTile, linear.n) - first;
  if (profile_.is_on()) {
    const auto products = static_cast<std::uint64_t>(row_end - row_begin) * static_cast<std::uint64_t>(columns);
    record(step.op, step.layer, thread, begin_ns,
           static_cast<std::uint64_t>((tile_end - tile_begin) * linear.tile_bytes()),
           2 * products * static_cast<std::uint64_t>(linear.k));
  }
}

void ForwardPass::head_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const Linear& head = model_.head;
  const auto wanted = static_cast<std::int32_t>(batch_->wanted().size());
  const std::int32_t row_begin = static_cast<std::int32_t>(item) / step.grid.tile_blocks * step.grid.rows;
  const std::int32_t n_rows = std::min(step.grid.rows, wanted - row_begin);
  const std::int32_t block = static_cast<std::int32_t>(item) % step.grid.tile_blocks;
  const std::int32_t tile_begin = block * step.grid.tiles;
  const std::int32_t tiles = std::min(step.grid.tiles, n_tiles(head.n) - tile_begin);
  const std::int32_t first = tile_begin * kTile;

  // The item as a matrix of its own, so that its result may go to the caller or to a small piece of scratch.
  MatmulArgs args{};
  args.weights = head.weights + tile_begin * head.tile_bytes();
  args.rows = quantized(quantized_width_, head.k, row_begin);
  args.n = std::min(tiles * kTile, head.n - first);
  args.k = head.k;
  args.m = n_rows;
  const bool greedy = params_->output == IB_OUTPUT_GREEDY;
  args.c = greedy ? thread_logits_[static_cast<std::size_t>(thread)]
                  : params_->logits + (batch_->first_output() + row_begin) * head.n + first;
  args.ldc = greedy ? args.n : head.n;
  multiply(args, head.format, 0, tiles, 0, n_rows, thread);
  for (std::int32_t row = 0; greedy && row < n_rows; ++row) {
    const float* logits = args.c + row * args.ldc;
    const std::int32_t id = kernels_.argmax(logits, args.n);
    best_[std::int64_t{block} * wanted + row_begin + row] = {logits[id], first + id};
  }
  if (profile_.is_on()) {
    const auto products = static_cast<std::uint64_t>(n_rows) * static_cast<std::uint64_t>(args.n);
    record(step.op, -1, thread, begin_ns, static_cast<std::uint64_t>(tiles * head.tile_bytes()),
           2 * products * static_cast<std::uint64_t>(head.k));
  }
}

void ForwardPass::pick_best() {
  const auto wanted = static_cast<std::int64_t>(batch_->wanted().size());
  const std::int64_t blocks = steps_.back().grid.tile_blocks;
  for (std::int64_t row = 0; row < wanted; ++row) {
    Best best = best_[row];
    for (std::int64_t block = 1; block < blocks; ++block) {
      const Best& other = best_[block * wanted + row];
      if (other.value > best.value || (std::isnan(best.value) && !std::isnan(other.value))) best = other;
    }
    params_->ids[batch_->first_output() + row] = best.id;
  }
}

AttentionArgs ForwardPass::attention_args(const Segment& segment, std::int32_t layer, std::int32_t head,
                                          std::int32_t first_row) const {
  const std::int64_t width = model_.shape.width;
  const std::int32_t head_dim = cache_.head_dim();
  const std::int64_t row = segment.first_row + first_row;
  const float* q = qkv_ + row * 3 * width + std::int64_t{head} * head_dim;
  AttentionArgs args{};
  args.q = q;
  args.k = q + width;
  args.v = q + 2 * width;
  args.out = attention_ + row * width + std::int64_t{head} * head_dim;
  args.cache = cache_.block(segment.slot, layer, head);
  args.q_stride = 3 * width;
  args.kv_stride = 3 * width;
  args.out_stride = width;
  args.first_position = segment.first_position + first_row;
  args.head_dim = head_dim;
  args.capacity = cache_.capacity();
  args.kv_type = cache_.type();
  args.scale = model_.layers[static_cast<std::size_t>(layer)].attention_scale;
  return args;
}

void ForwardPass::append_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto n_heads = static_cast<std::uint32_t>(model_.shape.n_heads);
  const Segment& segment = batch_->segments()[item / n_heads];
  AttentionArgs args = attention_args(segment, step.layer, static_cast<std::int32_t>(item % n_heads), 0);
  args.n_rows = segment.n_rows;
  kernels_.kv_append(&args);
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::attention_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto n_heads = static_cast<std::uint32_t>(model_.shape.n_heads);
  const QueryBlock& block = batch_->query_blocks()[item / n_heads];
  const Segment& segment = batch_->segments()[static_cast<std::size_t>(block.segment)];
  const auto head = static_cast<std::int32_t>(item % n_heads);
  AttentionArgs args = attention_args(segment, step.layer, head, block.first_row);
  args.n_rows = block.n_rows;
  args.scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  if (!batch_->appends_first()) kernels_.kv_append(&args);
  kernels_.attention(&args);
  if (profile_.is_on()) {
    const auto keys = static_cast<std::uint64_t>(args.first_position + args.n_rows);
    const auto elements = keys * static_cast<std::uint64_t>(args.head_dim);
    record(step.op, step.layer, thread, begin_ns,
           2 * elements * static_cast<std::uint64_t>(kv_element_bytes(args.kv_type)),
           4 * elements * static_cast<std::uint64_t>(args.n_rows));
  }
}

}  // namespace inferbench::cpu_quant
