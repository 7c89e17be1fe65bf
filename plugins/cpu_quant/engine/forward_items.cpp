// SPDX-License-Identifier: Apache-2.0
// What the items of a forward pass compute, and matrix products.
#include <algorithm>
#include <cmath>

#include "engine/forward.hpp"

namespace inferbench::cpu_quant {

void ForwardPass::run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Step& step = steps_[phase];
  switch (step.op) {
    case Op::Qkv:
    case Op::AttentionOut:
    case Op::Up:
    case Op::Down:
    case Op::Head:
      return run_product(step, item, thread);
    case Op::Append:
      return run_append(step, item, thread);
    case Op::Attention:
      return run_attention(step, item, thread);
    case Op::AttentionMerge:
      return run_merge(step, item, thread);
    default:
      break;
  }
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  row_work({step.op, step.layer}, step.rows, row_item(step.rows, step.n_items, item));
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::finish_phase(std::uint32_t phase, int thread) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Step& step = steps_[phase];
  look_ahead_at_end(phase, thread);
  for (const RowWork& work : steps_.row_work_after(step)) {
    const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
    row_work(work, 1, {0, 1});
    if (profile_.is_on()) record(work.op, work.layer, thread, begin_ns, 0, 0);
  }
  if (step.of_outputs && step.chunks == 0) gather_outputs();  // of chunks: after they are merged
  if (step.op == Op::Head && wants_ids()) pick_best();
}

const Linear& ForwardPass::linear_of(const Step& step) const {
  if (step.op == Op::Head) return model_.head;
  const Layer& layer = layer_of(step.layer);
  switch (step.op) {
    case Op::Qkv:
      return layer.attn_qkv;
    case Op::AttentionOut:
      return layer.attn_out;
    case Op::Up:
      return layer.mlp_up;
    default:
      return layer.mlp_down;
  }
}

/// The item as a matrix of its own.
MatmulArgs ForwardPass::product_args(const Step& step, const ProductItem& part, int thread) const {
  const Linear& linear = linear_of(step);
  const std::int32_t first = part.tile_begin * kTile;
  MatmulArgs args{};
  args.weights = linear.weights + part.tile_begin * linear.tile_bytes();
  args.bias = linear.bias == nullptr ? nullptr : linear.bias + first;
  args.n = std::min(part.tile_end * kTile, linear.n) - first;
  args.k = linear.k;
  args.m = part.row_end - part.row_begin;
  args.unsigned_rows = linear.format == WeightFormat::Int8Signed ? 1 : 0;
  std::uint8_t* rows = step.op == Op::Down ? inner_rows_ : input_rows_;
  args.rows = product_row(rows, linear.k, step.rows, part.row_begin, linear.format);
  const auto whole = [&](float* c, std::int64_t row) {
    args.c = c + row * linear.n + first;
    args.ldc = linear.n;
  };
  if (step.op == Op::Qkv) {
    whole(qkv_, part.row_begin);
  } else if (step.op == Op::Head && !wants_ids()) {
    whole(params_->logits, batch_->pass().outputs().front().index + part.row_begin);
  } else if (step.op == Op::Head || step.op == Op::Up) {
    args.c = thread_result_[static_cast<std::size_t>(thread)];
    args.ldc = args.n;
  } else {
    const bool is_branch = model_.shape.post_norm != 0;
    whole(is_branch ? attention_ : x_, part.row_begin);
    args.accumulate = is_branch ? 0 : 1;
  }
  return args;
}

void ForwardPass::multiply(const Step& step, const MatmulArgs& args, int thread) {
  const WeightFormat format = linear_of(step).format;
  // So does the last item of many rows if it has few, where both kernels read the same format.
  const bool last_few = args.m <= kMaxGemvRows && row_kernels(step.rows).format == kernels_.gemv_rows.format;
  if (streams_weights(kernels_, step.rows, format) || last_few) return stream(args, format);
  std::uint8_t* scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  const auto gemm = format == WeightFormat::Int4 ? kernels_.gemm_i4 : kernels_.gemm_i8;
  gemm(&args, 0, n_tiles(args.n), 0, args.m, scratch);
}

/// All rows of a tile before the next tile, so that its weights come from memory once.
void ForwardPass::stream(const MatmulArgs& args, WeightFormat format) {
  const auto gemv = format == WeightFormat::Int4   ? kernels_.gemv_i4
                    : format == WeightFormat::Int5 ? int5_.gemv
                                                   : kernels_.gemv_i8;
  const std::int32_t tiles = n_tiles(args.n);
  if (args.m <= kMaxGemvRows) return gemv(&args, 0, tiles);
  const std::int32_t parts = ceil_div(args.m, kMaxGemvRows);
  const std::int32_t rows = ceil_div(args.m, parts);
  for (std::int32_t tile = 0; tile < tiles; ++tile) {
    for (std::int32_t row = 0; row < args.m; row += rows) {
      MatmulArgs part = args;
      part.rows += row * quantized_row_bytes(args.k);
      part.c += row * args.ldc;
      part.m = std::min(rows, args.m - row);
      gemv(&part, tile, tile + 1);
    }
  }
}

/// What is left to do with an item's result while it is in the caches.
void ForwardPass::finish_product(const Step& step, const ProductItem& part, const MatmulArgs& args) {
  if (step.op == Op::Up) finish_activation(step, part, args);
  if (step.op == Op::Head) finish_logits(step, part, args);
}

void ForwardPass::finish_activation(const Step& step, const ProductItem& part, const MatmulArgs& args) {
  const Linear& next = layer_of(step.layer).mlp_down;
  const RowKernels& to_rows = row_kernels(step.rows);
  const std::int32_t first = part.tile_begin * kTile;
  std::uint8_t* rows = product_row(inner_rows_, next.k, step.rows, part.row_begin);
  if (model_.shape.gated != 0) {
    const RowPart gated = {next.k, first / 2, std::min(args.n / 2, next.k - first / 2)};
    return to_rows.from_gated(args.c, args.ldc, args.m, gated, model_.shape.activation, rows);
  }
  const std::int32_t unsigned_rows = next.format == WeightFormat::Int8Signed ? 1 : 0;
  to_rows.from_activation(args.c, args.ldc, args.m, {next.k, first, args.n}, model_.shape.activation, unsigned_rows,
                          rows);
}

void ForwardPass::finish_logits(const Step& step, const ProductItem& part, const MatmulArgs& args) {
  const auto cap = static_cast<float>(model_.shape.logit_soft_cap);
  const std::int32_t first = part.tile_begin * kTile;
  for (std::int32_t row = 0; row < args.m; ++row) {
    float* logits = args.c + row * args.ldc;
    if (cap > 0.0F) kernels_.soft_cap(logits, args.n, cap);
    if (!wants_ids()) continue;
    const PassOutput& output = batch_->pass().outputs()[static_cast<std::size_t>(part.row_begin + row)];
    if (output.greedy) {
      const std::int32_t id = kernels_.argmax(logits, args.n);
      best_[part.tile_begin / step.grid.tiles * n_greedy_ + (output.index - first_greedy_)] = {logits[id], first + id};
    } else {
      std::copy_n(logits, args.n, params_->logits + output.index * model_.shape.vocab_size + first);
    }
  }
}

void ForwardPass::run_product(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const Linear& linear = linear_of(step);
  const ProductItem part = part_of(step, item);
  const MatmulArgs args = product_args(step, part, thread);
  multiply(step, args, thread);
  finish_product(step, part, args);
  if (profile_.is_on()) {
    const auto products = static_cast<std::uint64_t>(args.m) * static_cast<std::uint64_t>(args.n);
    record(step.op, step.layer, thread, begin_ns,
           static_cast<std::uint64_t>((part.tile_end - part.tile_begin) * linear.tile_bytes()),
           2 * products * static_cast<std::uint64_t>(linear.k));
  }
}

void ForwardPass::pick_best() {
  const std::int64_t items = steps_.back().grid.tile_blocks;
  for (std::int64_t row = 0; row < n_greedy_; ++row) {
    Best best = best_[row];
    for (std::int64_t item = 1; item < items; ++item) {
      const Best& other = best_[item * n_greedy_ + row];
      if (other.value > best.value || (std::isnan(best.value) && !std::isnan(other.value))) best = other;
    }
    params_->ids[first_greedy_ + row] = best.id;
  }
}

}  // namespace inferbench::cpu_quant
