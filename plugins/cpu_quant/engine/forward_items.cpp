// SPDX-License-Identifier: Apache-2.0
// What the items of a forward pass compute.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/forward.hpp"
#include "engine/work_ranges.hpp"

namespace inferbench::cpu_quant {

void ForwardPass::run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Step& step = steps_[phase];
  switch (step.op) {
    case Op::Qkv:
    case Op::AttentionProj:
    case Op::Fc:
    case Op::MlpProj:
    case Op::Head:
      return run_product(step, item, thread);
    case Op::Append:
      return run_append(step, item, thread);
    case Op::Attention:
      return run_attention(step, item, thread);
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
  if (step.of_outputs) gather_outputs();
  if (step.op == Op::Head && wants_ids()) pick_best();
}

void ForwardPass::row_work(RowWork work, std::int32_t n_rows, RowRange rows) {
  const auto [op, layer] = work;
  const auto [begin, end] = rows;
  const std::int32_t width = model_.shape.width;
  const auto epsilon = static_cast<float>(model_.shape.layer_norm_epsilon);
  const std::int32_t n = end - begin;
  if (n <= 0) return;
  const RowKernels& to_rows = row_kernels(n_rows);
  std::uint8_t* out = product_row(width_rows_, width, n_rows, begin);
  switch (op) {
    case Op::Embed:
      embed(begin, end);
      break;
    case Op::Place:
      std::copy_n(placed_.data() + std::int64_t{begin} * width, std::int64_t{n} * width,
                  x_ + std::int64_t{begin} * width);
      break;
    case Op::NormAttention:
    case Op::NormMlp: {
      const Layer& weights = model_.layers[static_cast<std::size_t>(layer)];
      const Norm& norm = op == Op::NormAttention ? weights.ln_1 : weights.ln_2;
      to_rows.from_layernorm(x_ + std::int64_t{begin} * width, width, n, width, norm.weight, norm.bias, epsilon, out);
      break;
    }
    case Op::QuantizeAttention:
      to_rows.from_floats(attention_ + std::int64_t{begin} * width, width, n, whole_row(width), out);
      break;
    case Op::NormHead:
      for (std::int32_t i = begin; i < end; ++i) {
        const std::int64_t row = batch_->outputs_few() ? i : batch_->pass().output_rows()[static_cast<std::size_t>(i)];
        to_rows.from_layernorm(x_ + row * width, width, 1, width, model_.ln_f.weight, model_.ln_f.bias, epsilon,
                               product_row(width_rows_, width, n_rows, i));
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
    const float* position = model_.positions + batch_->pass().positions()[static_cast<std::size_t>(row)] * width;
    dequantize(table.weights, table.k, batch_->pass().tokens()[static_cast<std::size_t>(row)], position,
               x_ + row * width);
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
  std::uint8_t* rows = step.op == Op::MlpProj ? hidden_rows_ : width_rows_;
  args.rows = product_row(rows, linear.k, step.rows, part.row_begin);
  float* result = thread_result_[static_cast<std::size_t>(thread)];
  const auto whole = [&](float* c, std::int64_t row) {
    args.c = c + row * linear.n + first;
    args.ldc = linear.n;
  };
  if (step.op == Op::Qkv) {
    whole(qkv_, part.row_begin);
  } else if (step.op == Op::Head && !wants_ids()) {
    whole(params_->logits, batch_->pass().first_output() + part.row_begin);
  } else if (step.op == Op::Head || step.op == Op::Fc) {
    args.c = result;
    args.ldc = args.n;
  } else {
    whole(x_, part.row_begin);
    args.accumulate = 1;
  }
  return args;
}

void ForwardPass::multiply(const Step& step, const MatmulArgs& args, int thread) {
  const bool int4 = linear_of(step).format == WeightFormat::Int4;
  // So does the last item of many rows if it has few, where both kernels read the same format.
  const bool last_few = args.m <= kMaxGemvRows && row_kernels(step.rows).format == kernels_.gemv_rows.format;
  if (streams(step.rows) || last_few) {
    stream(args, int4);
  } else {
    std::uint8_t* scratch = thread_scratch_[static_cast<std::size_t>(thread)];
    (int4 ? kernels_.gemm_i4 : kernels_.gemm_i8)(&args, 0, n_tiles(args.n), 0, args.m, scratch);
  }
}

/// All rows of a tile before the next tile, so that its weights come from memory once.
void ForwardPass::stream(const MatmulArgs& args, bool int4) {
  const auto gemv = int4 ? kernels_.gemv_i4 : kernels_.gemv_i8;
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
  const std::int32_t first = part.tile_begin * kTile;
  if (step.op == Op::Fc) {
    const Linear& next = model_.layers[static_cast<std::size_t>(step.layer)].mlp_proj;
    const std::int32_t unsigned_rows = next.format == WeightFormat::Int8Signed ? 1 : 0;
    row_kernels(step.rows).from_activation(args.c, args.ldc, args.m, {next.k, first, args.n}, model_.shape.activation,
                                           unsigned_rows, product_row(hidden_rows_, next.k, step.rows, part.row_begin));
  } else if (step.op == Op::Head && wants_ids()) {
    const auto outputs = static_cast<std::int64_t>(batch_->pass().output_rows().size());
    for (std::int32_t row = 0; row < args.m; ++row) {
      const float* logits = args.c + row * args.ldc;
      const std::int32_t id = kernels_.argmax(logits, args.n);
      best_[part.tile_begin / step.grid.tiles * outputs + part.row_begin + row] = {logits[id], first + id};
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
  const auto outputs = static_cast<std::int64_t>(batch_->pass().output_rows().size());
  const std::int64_t items = steps_.back().grid.tile_blocks;
  for (std::int64_t row = 0; row < outputs; ++row) {
    Best best = best_[row];
    for (std::int64_t item = 1; item < items; ++item) {
      const Best& other = best_[item * outputs + row];
      if (other.value > best.value || (std::isnan(best.value) && !std::isnan(other.value))) best = other;
    }
    params_->ids[batch_->pass().first_output() + row] = best.id;
  }
}

/// Moves the output rows of x to its front. They ascend, so each is read before it is overwritten.
void ForwardPass::gather_outputs() {
  const auto width = static_cast<std::size_t>(model_.shape.width);
  float* to = x_;
  for (const std::int32_t row : batch_->pass().output_rows()) {
    std::memmove(to, x_ + static_cast<std::size_t>(row) * width, width * sizeof(float));
    to += width;
  }
}

ForwardPass::HeadItem ForwardPass::head_item(const Step& step, std::uint32_t item) const {
  const auto tiles = step.of_outputs ? batch_->output_tiles() : batch_->query_tiles();
  const std::int32_t parts = step.by_group ? cache_.n_groups() : model_.shape.n_heads;
  const std::int32_t index = static_cast<std::int32_t>(item) / parts;
  const std::int32_t part = static_cast<std::int32_t>(item) % parts;
  const QueryTile* tile = &tiles[static_cast<std::size_t>(index)];
  if (step.by_group) return {tile, index, part, cache_.group(part)};
  return {tile, index, cache_.group_of(part), {part, 1}};
}

AttentionArgs ForwardPass::attention_args(const PassSegment& segment, std::int32_t layer, std::int32_t group,
                                          HeadRange heads, std::int32_t first_row) const {
  const std::int64_t width = model_.shape.width;
  const std::int64_t row = segment.first_row + first_row;
  AttentionArgs args = cache_.args(segment.slot, layer, group);
  args.q = qkv_ + row * 3 * width + std::int64_t{heads.first} * args.head_dim;
  args.k = args.q + width;
  args.v = args.q + 2 * width;
  args.q_stride = 3 * width;
  args.kv_stride = 3 * width;
  args.out_stride = width;
  args.first_position = segment.first_position + first_row;
  args.first_head = heads.first - cache_.group(group).first;
  args.n_heads = heads.n;
  args.scale = model_.layers[static_cast<std::size_t>(layer)].attention_scale;
  return args;
}

void ForwardPass::run_append(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto n_heads = static_cast<std::uint32_t>(model_.shape.n_heads);
  const PassSegment& segment = batch_->pass().segments()[item / n_heads];
  const auto head = static_cast<std::int32_t>(item % n_heads);
  AttentionArgs args = attention_args(segment, step.layer, cache_.group_of(head), {head, 1}, 0);
  args.n_rows = segment.n_rows;
  kernels_.kv_append(&args);
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::run_attention(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const std::int32_t width = model_.shape.width;
  const auto [tile, index, group, heads] = head_item(step, item);
  const PassSegment& segment = batch_->pass().segments()[static_cast<std::size_t>(tile->segment)];
  const std::int32_t row = step.of_outputs ? index : segment.first_row + tile->first_row;
  AttentionArgs args = attention_args(segment, step.layer, group, heads, tile->first_row);
  const std::int32_t first = heads.first * args.head_dim;
  const std::int32_t n = heads.n * args.head_dim;
  args.out = attention_ + std::int64_t{row} * width + first;
  args.n_rows = tile->n_rows;
  args.scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  const WorkRange mine = first_range(step.n_items, thread, model_.context.team.n_threads());
  const MemoryRange next =
      item + 1 < mine.end ? keys_of(step, item + 1) : first_read(steps_.index_of(step) + 1, thread);
  args.upcoming = next.data;
  args.upcoming_bytes = next.bytes;
  if (!batch_->appends_first() && !step.of_outputs) kernels_.kv_append(&args);
  (attends_few(segment, step.of_outputs) ? kernels_.attention_few : kernels_.attention_many)(&args);
  if (quantizes_heads()) {
    row_kernels(step.rows).from_floats(args.out, args.out_stride, args.n_rows, {width, first, n},
                                       product_row(width_rows_, width, step.rows, row));
  }
  if (profile_.is_on()) {
    const auto keys = static_cast<std::uint64_t>(args.first_position) + static_cast<std::uint64_t>(args.n_rows);
    const auto elements = keys * static_cast<std::uint64_t>(n);
    record(step.op, step.layer, thread, begin_ns,
           2 * elements * static_cast<std::uint64_t>(kv_element_bytes(args.kv_type)),
           4 * elements * static_cast<std::uint64_t>(args.n_rows));
  }
}

}  // namespace inferbench::cpu_quant
