// SPDX-License-Identifier: Apache-2.0
#include "engine/forward.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {
namespace {

// Weights of one item where they are read once: at most so many bytes, and so many items a thread, so that threads end
// together; enough that starting an item costs nothing beside it.
constexpr std::int64_t kPieceBytes = 128 << 10;
constexpr std::int32_t kPiecesPerThread = 12;
constexpr std::int32_t kMostTiles = 8;    // of an item: its result has room in scratch
constexpr std::int32_t kRowsPerItem = 8;  // of work on rows
constexpr std::int32_t kHeadRows = 32;    // quantized, of one item of the head, where it is no gemv
// Rows of one item of gemm: they stay in the L2 cache. Those of bf16 pay for the expansion of the item's weights; a
// processor with AMX has 2 MiB.
constexpr std::int32_t kBlockBytes = 256 << 10;
constexpr std::int32_t kBf16BlockBytes = 1152 << 10;
constexpr std::int32_t kBlocksPerThread = 3;

/// Rows of an item of gemm are a multiple of this many.
std::int32_t row_unit(RowFormat format) {
  return format == RowFormat::Bf16 ? 32 : 8;
}

/// Rows of one item of gemm, before they are evened out; with that, less than a unit more.
std::int32_t block_rows(RowFormat format, std::int32_t k) {
  const std::int32_t bytes = format == RowFormat::Bf16 ? kBf16BlockBytes : kBlockBytes;
  return std::max(48, static_cast<std::int32_t>(bytes / row_bytes(format, k)));
}

/// Rows of activations in memory, whichever their format.
std::uint64_t most_row_bytes(const KernelTable& kernels, std::int32_t k) {
  return static_cast<std::uint64_t>(
      std::max(row_bytes(kernels.gemv_rows.format, k), row_bytes(kernels.gemm_rows.format, k)));
}

}  // namespace

ForwardPass::ForwardPass(const Model& model, KvCache& cache, std::int32_t max_rows, std::int32_t n_slots)
    : model_(model), kernels_(model.kernels), cache_(cache), profile_(model.context.team.n_threads()) {
  const ib_model_desc& shape = model.shape;
  const auto rows = static_cast<std::uint64_t>(max_rows);
  const auto width = static_cast<std::uint64_t>(shape.width);
  const auto n_threads = static_cast<std::size_t>(model.context.team.n_threads());
  const std::int32_t head_blocks = n_tiles(shape.vocab);
  const auto wanted = static_cast<std::uint64_t>(std::min(max_rows, n_slots));

  BufferPlan plan;
  const std::uint64_t x = plan.reserve(rows * width, sizeof(float));
  const std::uint64_t qkv = plan.reserve(rows * static_cast<std::uint64_t>(qkv_columns()), sizeof(float));
  const std::uint64_t attention = plan.reserve(rows * width, sizeof(float));
  const std::uint64_t width_rows = plan.reserve(rows, most_row_bytes(kernels_, shape.width));
  const std::uint64_t hidden_rows = plan.reserve(rows, most_row_bytes(kernels_, shape.inner));
  const std::uint64_t best = plan.reserve(static_cast<std::uint64_t>(head_blocks) * wanted, sizeof(Best));
  const std::int64_t scratch_bytes =
      std::max(gemm_scratch_bytes(std::max(shape.width, shape.inner)),
               attention_scratch_bytes(cache.head_dim(), cache.capacity(), cache.most_heads()));
  std::vector<std::uint64_t> scratch(n_threads);
  std::vector<std::uint64_t> result(n_threads);
  const RowFormat format = kernels_.gemm_rows.format;
  const std::int32_t result_rows =
      std::max(kHeadRows, std::min(max_rows, block_rows(format, shape.width)) + row_unit(format));
  const auto result_floats =
      static_cast<std::uint64_t>(kTile * std::max(kernels_.streamed_rows * kMostTiles, result_rows * kPanelTiles));
  for (std::size_t t = 0; t < n_threads; ++t) {
    scratch[t] = plan.reserve(static_cast<std::uint64_t>(scratch_bytes), 1);
    result[t] = plan.reserve(result_floats, sizeof(float));
  }

  buffer_ = Buffer(plan.bytes(), model.context.memory);
  std::uint8_t* base = buffer_.data();
  const auto floats = [base](std::uint64_t offset) { return reinterpret_cast<float*>(base + offset); };
  x_ = floats(x);
  qkv_ = floats(qkv);
  attention_ = floats(attention);
  width_rows_ = base + width_rows;
  hidden_rows_ = base + hidden_rows;
  best_ = reinterpret_cast<Best*>(base + best);
  for (std::size_t t = 0; t < n_threads; ++t) {
    thread_scratch_.push_back(base + scratch[t]);
    thread_result_.push_back(floats(result[t]));
  }
  constexpr std::size_t kStepsPerLayer = 9;
  steps_.reserve(model.layers.size() * kStepsPerLayer + 3);
}

bool ForwardPass::run(const Batch& batch, const ib_forward_params& params) {
  batch_ = &batch;
  params_ = &params;
  polled_layer_ = -1;
  cancelled_.store(false, std::memory_order_relaxed);
  build_program();
  model_.context.team.run(*this);
  ask_host(model_.shape.n_layers - 1);
  return !cancelled_.load(std::memory_order_relaxed);
}

void ForwardPass::build_program() {
  const std::int32_t rows = batch_->n_rows();
  const auto wanted = static_cast<std::int32_t>(batch_->wanted().size());
  steps_.clear();
  add_items(Op::Embed, -1, rows, static_cast<std::size_t>(row_items(rows)));
  for (std::int32_t i = 0; i < model_.shape.n_layers; ++i) add_layer(i);
  if (wanted == 0) return;
  add_rows(Op::NormHead, -1, wanted);
  add_product(Op::Head, -1, model_.head, wanted);
}

void ForwardPass::add_layer(std::int32_t i) {
  const Layer& layer = model_.layers[static_cast<std::size_t>(i)];
  const auto heads = static_cast<std::size_t>(model_.shape.n_heads);
  const bool of_wanted = i + 1 == model_.shape.n_layers && batch_->wants_few();
  std::int32_t rows = batch_->n_rows();
  add_rows(Op::NormAttention, i, rows);
  add_product(Op::Qkv, i, layer.attn_qkv, rows);
  if (batch_->appends_first() || of_wanted) add_items(Op::Append, i, rows, batch_->segments().size() * heads);
  if (of_wanted) {
    rows = static_cast<std::int32_t>(batch_->wanted_blocks().size());
    if (rows == 0) return;
  }
  add_attention(i, rows, of_wanted);
  if (!quantizes_heads()) add_rows(Op::QuantizeAttention, i, rows);
  add_product(Op::AttentionProj, i, layer.attn_proj, rows);
  add_rows(Op::NormMlp, i, rows);
  add_product(Op::Fc, i, layer.mlp_fc, rows);
  add_product(Op::MlpProj, i, layer.mlp_proj, rows);
}

std::int32_t ForwardPass::row_items(std::int32_t rows) const {
  // Few rows: one each, so that all threads have some.
  return rows <= 4 * kRowsPerItem ? rows : pieces(rows, kRowsPerItem);
}

void ForwardPass::add_items(Op op, std::int32_t layer, std::int32_t rows, std::size_t n_items) {
  Step step;
  step.op = op;
  step.layer = layer;
  step.rows = rows;
  step.n_items = static_cast<std::uint32_t>(n_items);
  steps_.push_back(step);
}

void ForwardPass::add_rows(Op op, std::int32_t layer, std::int32_t rows) {
  if (rows == 1) {
    steps_.back().after = op;
    steps_.back().after_layer = layer;
    return;
  }
  add_items(op, layer, rows, static_cast<std::size_t>(row_items(rows)));
}

void ForwardPass::add_product(Op op, std::int32_t layer, const Linear& linear, std::int32_t rows) {
  const Grid grid = product_grid(op, linear, rows);
  add_items(op, layer, rows,
            static_cast<std::size_t>(grid.tile_blocks) * static_cast<std::size_t>(pieces(rows, grid.rows)));
  steps_.back().grid = grid;
}

/// Few rows read the keys of a whole group in one stretch; for many, heads are what is shared.
void ForwardPass::add_attention(std::int32_t layer, std::int32_t rows, bool of_wanted) {
  const auto blocks = of_wanted ? batch_->wanted_blocks() : batch_->query_blocks();
  const auto segments = batch_->segments();
  const bool few = std::all_of(segments.begin(), segments.end(),
                               [&](const Segment& segment) { return attends_few(segment, of_wanted); });
  const std::int32_t parts = few ? cache_.n_groups() : model_.shape.n_heads;
  add_items(Op::Attention, layer, rows, blocks.size() * static_cast<std::size_t>(parts));
  steps_.back().of_wanted = of_wanted;
  steps_.back().by_group = few;
}

/// Tiles of one item of gemv.
std::int32_t ForwardPass::stream_tiles(const Linear& linear) const {
  const auto fit = static_cast<std::int32_t>(kPieceBytes / linear.tile_bytes());
  const std::int32_t items = kPiecesPerThread * model_.context.team.n_threads();
  return std::max(1, std::min(fit, std::clamp(n_tiles(linear.n) / items, 1, kMostTiles)));
}

ForwardPass::Grid ForwardPass::product_grid(Op op, const Linear& linear, std::int32_t rows) const {
  const std::int32_t tiles = n_tiles(linear.n);
  const bool few = streams(rows);
  Grid grid;
  if (few) {
    grid.rows = rows;
    grid.tiles = stream_tiles(linear);
    // Fc's items make whole parts of quantized rows.
    if (op == Op::Fc) grid.tiles = pieces(grid.tiles, kPanelTiles) * kPanelTiles;
  } else {
    const RowFormat format = kernels_.gemm_rows.format;
    const bool few_at_once = op == Op::Head && format == RowFormat::Quantized;
    // Large blocks read weights less often; but there must be enough for all threads.
    const std::int32_t enough = pieces(kBlocksPerThread * model_.context.team.n_threads(), pieces(tiles, kPanelTiles));
    const std::int32_t needed = pieces(rows, few_at_once ? kHeadRows : block_rows(format, linear.k));
    const std::int32_t blocks = std::max(needed, std::min(enough, pieces(rows, row_unit(format))));
    grid.rows = pieces(pieces(rows, blocks), row_unit(format)) * row_unit(format);
    grid.tiles = kPanelTiles;
  }
  grid.tile_blocks = pieces(tiles, grid.tiles);
  return grid;
}

/// Once a layer up to this one: while the caller's thread lost its core, helpers may have gone several layers on.
void ForwardPass::ask_host(std::int32_t layer) noexcept {
  while (polled_layer_ < layer) {
    ++polled_layer_;
    if (model_.context.host.is_cancelled()) cancelled_.store(true, std::memory_order_relaxed);
  }
}

void ForwardPass::poll(std::uint32_t phase) noexcept {
  const Step& step = steps_[phase];
  if (step.layer <= polled_layer_) return;
  ask_host(step.layer);
  const HostCalls& host = model_.context.host;
  if (batch_->call_rows() > kMaxGemvRows) {
    const double done = batch_->rows_before() + static_cast<double>(batch_->n_rows()) * phase / n_phases();
    host.progress(done / batch_->call_rows());
  }
}

const char* ForwardPass::operation_name(Op op) {
  switch (op) {
    case Op::None:
      break;
    case Op::Embed:
      return "embed";
    case Op::Place:
      return "place";
    case Op::NormAttention:
      return "ln_1";
    case Op::Qkv:
      return "attn.c_attn";
    case Op::Append:
      return "attn.append";
    case Op::Attention:
      return "attn.attention";
    case Op::QuantizeAttention:
      return "attn.quantize";
    case Op::AttentionProj:
      return "attn.c_proj";
    case Op::NormMlp:
      return "ln_2";
    case Op::Fc:
      return "mlp.c_fc";
    case Op::MlpProj:
      return "mlp.c_proj";
    case Op::NormHead:
      return "ln_f";
    case Op::Head:
      return "lm_head";
  }
  return "";
}

void ForwardPass::record(Op op, std::int32_t layer, int thread, std::uint64_t begin, std::uint64_t bytes,
                         std::uint64_t flops) {
  profile_.add(thread, operation_name(op), layer, begin, bytes, flops);
}

}  // namespace inferbench::cpu_quant
