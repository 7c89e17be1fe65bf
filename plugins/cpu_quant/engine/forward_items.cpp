// SPDX-License-Identifier: Apache-2.0
// What the items of a forward pass compute.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/forward.hpp"
#include "engine/shares.hpp"

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
      return product_item(step, item, thread);
    case Op::Append:
      return append_item(step, item, thread);
    case Op::Attention:
      return attention_item(step, item, thread);
    default:
      break;
  }
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto items = static_cast<std::int32_t>(step.n_items);
  const std::int32_t per_item = (step.rows + items - 1) / items;
  const std::int32_t begin = static_cast<std::int32_t>(item) * per_item;
  row_work(step.op, step.layer, step.rows, begin, std::min(begin + per_item, step.rows));
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::finish_phase(std::uint32_t phase, int thread) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Step& step = steps_[phase];
  look_ahead_at_end(phase, thread);
  if (step.after != Op::None) {
    const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
    row_work(step.after, step.after_layer, 1, 0, 1);
    if (profile_.is_on()) record(step.after, step.after_layer, thread, begin_ns, 0, 0);
  }
  if (step.of_wanted) gather_wanted();
  if (step.op == Op::Head && wants_ids()) pick_best();
}

void ForwardPass::row_work(Op op, std::int32_t layer, std::int32_t n_rows, std::int32_t begin, std::int32_t end) {
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
        const std::int64_t row = batch_->wants_few() ? i : batch_->wanted()[static_cast<std::size_t>(i)];
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

ForwardPass::Piece ForwardPass::piece_of(const Step& step, std::uint32_t item) const {
  // Items of one row block follow each other: its quantized rows stay in the caches while the weights pass by.
  const Grid& grid = step.grid;
  Piece piece{};
  piece.row_begin = static_cast<std::int32_t>(item) / grid.tile_blocks * grid.rows;
  piece.row_end = std::min(piece.row_begin + grid.rows, step.rows);
  piece.tile_begin = static_cast<std::int32_t>(item) % grid.tile_blocks * grid.tiles;
  piece.tile_end = std::min(piece.tile_begin + grid.tiles, n_tiles(linear_of(step).n));
  return piece;
}

/// The piece as a matrix of its own.
MatmulArgs ForwardPass::product_args(const Step& step, const Piece& piece, int thread) const {
  const Linear& linear = linear_of(step);
  const std::int32_t first = piece.tile_begin * kTile;
  MatmulArgs args{};
  args.weights = linear.weights + piece.tile_begin * linear.tile_bytes();
  args.bias = linear.bias == nullptr ? nullptr : linear.bias + first;
  args.n = std::min(piece.tile_end * kTile, linear.n) - first;
  args.k = linear.k;
  args.m = piece.row_end - piece.row_begin;
  args.unsigned_rows = linear.format == WeightFormat::Int8Signed ? 1 : 0;
  std::uint8_t* rows = step.op == Op::MlpProj ? hidden_rows_ : width_rows_;
  args.rows = product_row(rows, linear.k, step.rows, piece.row_begin);
  float* result = thread_result_[static_cast<std::size_t>(thread)];
  const auto whole = [&](float* c, std::int64_t row) {
    args.c = c + row * linear.n + first;
    args.ldc = linear.n;
  };
  if (step.op == Op::Qkv) {
    whole(qkv_, piece.row_begin);
  } else if (step.op == Op::Head && !wants_ids()) {
    whole(params_->logits, batch_->first_output() + piece.row_begin);
  } else if (step.op == Op::Head || step.op == Op::Fc) {
    args.c = result;
    args.ldc = args.n;
  } else {
    whole(x_, piece.row_begin);
    args.accumulate = 1;
  }
  return args;
}

void ForwardPass::multiply(const Step& step, const MatmulArgs& args, int thread) {
  const bool int4 = linear_of(step).format == WeightFormat::Int4;
  // The last few of many rows, too, where they have the same format.
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
  const std::int32_t parts = pieces(args.m, kMaxGemvRows);
  const std::int32_t rows = pieces(args.m, parts);
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

/// What is left to do with a piece's result while it is in the caches.
void ForwardPass::finish_product(const Step& step, const Piece& piece, const MatmulArgs& args) {
  const std::int32_t first = piece.tile_begin * kTile;
  if (step.op == Op::Fc) {
    const Linear& next = model_.layers[static_cast<std::size_t>(step.layer)].mlp_proj;
    const std::int32_t unsigned_rows = next.format == WeightFormat::Int8Signed ? 1 : 0;
    row_kernels(step.rows).from_activation(args.c, args.ldc, args.m, {next.k, first, args.n}, model_.shape.activation,
                                           unsigned_rows,
                                           product_row(hidden_rows_, next.k, step.rows, piece.row_begin));
  } else if (step.op == Op::Head && wants_ids()) {
    const auto wanted = static_cast<std::int64_t>(batch_->wanted().size());
    for (std::int32_t row = 0; row < args.m; ++row) {
      const float* logits = args.c + row * args.ldc;
      const std::int32_t id = kernels_.argmax(logits, args.n);
      best_[piece.tile_begin / step.grid.tiles * wanted + piece.row_begin + row] = {logits[id], first + id};
    }
  }
}

void ForwardPass::product_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const Linear& linear = linear_of(step);
  const Piece piece = piece_of(step, item);
  const MatmulArgs args = product_args(step, piece, thread);
  multiply(step, args, thread);
  finish_product(step, piece, args);
  if (profile_.is_on()) {
    const auto products = static_cast<std::uint64_t>(args.m) * static_cast<std::uint64_t>(args.n);
    record(step.op, step.layer, thread, begin_ns,
           static_cast<std::uint64_t>((piece.tile_end - piece.tile_begin) * linear.tile_bytes()),
           2 * products * static_cast<std::uint64_t>(linear.k));
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

/// The wanted rows of x to its front. They ascend, so each is read before it is overwritten.
void ForwardPass::gather_wanted() {
  const auto width = static_cast<std::size_t>(model_.shape.width);
  float* to = x_;
  for (const std::int32_t row : batch_->wanted()) {
    std::memmove(to, x_ + static_cast<std::size_t>(row) * width, width * sizeof(float));
    to += width;
  }
}

ForwardPass::HeadItem ForwardPass::head_item(const Step& step, std::uint32_t item) const {
  const auto blocks = step.of_wanted ? batch_->wanted_blocks() : batch_->query_blocks();
  const std::int32_t parts = step.by_group ? cache_.n_groups() : model_.shape.n_heads;
  const std::int32_t index = static_cast<std::int32_t>(item) / parts;
  const std::int32_t part = static_cast<std::int32_t>(item) % parts;
  const QueryBlock* block = &blocks[static_cast<std::size_t>(index)];
  if (step.by_group) return {block, index, part, cache_.group(part)};
  return {block, index, cache_.group_of(part), {part, 1}};
}

AttentionArgs ForwardPass::attention_args(const Segment& segment, std::int32_t layer, std::int32_t group,
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

void ForwardPass::append_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const auto n_heads = static_cast<std::uint32_t>(model_.shape.n_heads);
  const Segment& segment = batch_->segments()[item / n_heads];
  const auto head = static_cast<std::int32_t>(item % n_heads);
  AttentionArgs args = attention_args(segment, step.layer, cache_.group_of(head), {head, 1}, 0);
  args.n_rows = segment.n_rows;
  kernels_.kv_append(&args);
  if (profile_.is_on()) record(step.op, step.layer, thread, begin_ns, 0, 0);
}

void ForwardPass::attention_item(const Step& step, std::uint32_t item, int thread) {
  const std::uint64_t begin_ns = profile_.is_on() ? Profile::now() : 0;
  const std::int32_t width = model_.shape.width;
  const auto [block, index, group, heads] = head_item(step, item);
  const Segment& segment = batch_->segments()[static_cast<std::size_t>(block->segment)];
  const std::int32_t row = step.of_wanted ? index : segment.first_row + block->first_row;
  AttentionArgs args = attention_args(segment, step.layer, group, heads, block->first_row);
  const std::int32_t first = heads.first * args.head_dim;
  const std::int32_t n = heads.n * args.head_dim;
  args.out = attention_ + std::int64_t{row} * width + first;
  args.n_rows = block->n_rows;
  args.scratch = thread_scratch_[static_cast<std::size_t>(thread)];
  const Share mine = share_of(step.n_items, thread, model_.context.team.n_threads());
  const Stretch next = item + 1 < mine.end ? keys_of(step, item + 1) : first_read(phase_of(step) + 1, thread);
  args.upcoming = next.data;
  args.upcoming_bytes = next.bytes;
  if (!batch_->appends_first() && !step.of_wanted) kernels_.kv_append(&args);
  (attends_few(segment, step.of_wanted) ? kernels_.attention_few : kernels_.attention_many)(&args);
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
