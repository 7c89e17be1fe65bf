// SPDX-License-Identifier: Apache-2.0
#include "engine/forward.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {
namespace {

/// Rows of activations in memory, whichever their format.
std::uint64_t most_row_bytes(const KernelTable& kernels, std::int32_t k) {
  return static_cast<std::uint64_t>(
      std::max(row_bytes(kernels.gemv_rows.format, k), row_bytes(kernels.gemm_rows.format, k)));
}

}  // namespace

ForwardPass::ForwardPass(const Model& model, KvCache& cache, std::int32_t max_rows, std::int32_t max_greedy)
    : model_(model),
      kernels_(model.kernels),
      int5_(int5_kernels(model.kernels.isa)),
      cache_(cache),
      profile_(model.context.team.n_threads()),
      steps_(model.layers.size()),
      columns_(model.shape),
      attention_columns_(std::max(model.shape.n_heads * model.shape.head_dim, model.shape.hidden_size)) {
  const ib_model_desc& shape = model.shape;
  const auto rows = static_cast<std::uint64_t>(max_rows);
  const auto hidden = static_cast<std::uint64_t>(shape.hidden_size);
  const auto n_threads = static_cast<std::size_t>(model.context.team.n_threads());
  const auto qkv_columns = static_cast<std::uint64_t>(std::max(columns_.n, model.layers.front().attn_qkv.n));
  const auto rotary_columns = static_cast<std::uint64_t>(shape.n_rotary_tables * shape.head_dim);

  BufferPlan plan;
  const std::uint64_t x = plan.reserve(rows * hidden, sizeof(float));
  const std::uint64_t qkv = plan.reserve(rows * qkv_columns, sizeof(float));
  const std::uint64_t attention = plan.reserve(rows * static_cast<std::uint64_t>(attention_columns_), sizeof(float));
  const std::uint64_t rotary = plan.reserve(rows * rotary_columns, sizeof(float));
  const std::uint64_t input_rows = plan.reserve(rows, most_row_bytes(kernels_, attention_columns_));
  const std::uint64_t inner_rows = plan.reserve(rows, most_row_bytes(kernels_, shape.intermediate_size));
  const std::uint64_t best = plan.reserve(
      static_cast<std::uint64_t>(n_tiles(shape.vocab_size)) * static_cast<std::uint64_t>(max_greedy), sizeof(Best));
  // Attention by chunks has fewer tiles and groups than threads (add_attention).
  const std::int32_t split_tiles =
      cache.n_groups() < model.context.team.n_threads() ? model.context.team.n_threads() - 1 : 0;
  tile_parts_ = (ceil_div(cache.capacity(), kAttentionChunk) + 1) * kAttentionFewRows *
                std::int64_t{cache.most_heads()} * model.queries_per_head() * attention_part_floats(cache.head_dim());
  const std::uint64_t parts = plan.reserve(static_cast<std::uint64_t>(split_tiles * tile_parts_), sizeof(float));
  const std::int64_t scratch_bytes = std::max(
      gemm_scratch_bytes(std::max(attention_columns_, shape.intermediate_size)),
      attention_scratch_bytes(cache.head_dim(), cache.capacity(), cache.most_heads() * model.queries_per_head()));
  std::vector<std::uint64_t> scratch(n_threads);
  std::vector<std::uint64_t> result(n_threads);
  const std::uint64_t result_floats = product_result_floats(kernels_, shape.hidden_size, max_rows);
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
  rotary_ = floats(rotary);
  parts_ = floats(parts);
  input_rows_ = base + input_rows;
  inner_rows_ = base + inner_rows;
  best_ = reinterpret_cast<Best*>(base + best);
  for (std::size_t t = 0; t < n_threads; ++t) {
    thread_scratch_.push_back(base + scratch[t]);
    thread_result_.push_back(floats(result[t]));
  }
}

bool ForwardPass::run(const Batch& batch, const ib_forward_params& params) {
  batch_ = &batch;
  params_ = &params;
  polled_layer_ = -1;
  cancelled_.store(false, std::memory_order_relaxed);
  n_greedy_ = 0;
  for (const PassOutput& output : batch.pass().outputs()) {
    if (output.greedy && n_greedy_++ == 0) first_greedy_ = output.index;
  }
  build_program();
  model_.context.team.run(*this);
  ask_host(model_.shape.n_layers - 1);
  return !cancelled_.load(std::memory_order_relaxed);
}

void ForwardPass::build_program() {
  const std::int32_t rows = batch_->pass().n_rows();
  const auto outputs = static_cast<std::int32_t>(batch_->pass().output_rows().size());
  steps_.clear();
  steps_.add_row_work({Op::Embed, -1}, rows);
  for (std::int32_t i = 0; i < model_.shape.n_layers; ++i) add_layer(i);
  if (outputs == 0) return;
  steps_.add_row_work({Op::NormHead, -1}, outputs);
  add_product(Op::Head, -1, model_.head, outputs);
}

void ForwardPass::add_layer(std::int32_t i) {
  const Layer& layer = model_.layers[static_cast<std::size_t>(i)];
  const bool post_norm = model_.shape.post_norm != 0;
  const bool of_outputs = i + 1 == model_.shape.n_layers && batch_->outputs_few();
  std::int32_t rows = batch_->pass().n_rows();
  steps_.add_row_work({Op::NormAttention, i}, rows);
  add_product(Op::Qkv, i, layer.attn_qkv, rows);
  if (of_outputs) rows = static_cast<std::int32_t>(batch_->output_tiles().size());
  add_attention(i, rows, of_outputs);
  if (rows == 0) return;
  if (!quantizes_heads()) steps_.add_row_work({Op::QuantizeAttention, i}, rows);
  add_product(Op::AttentionOut, i, layer.attn_out, rows);
  if (post_norm) steps_.add_row_work({Op::AddAttention, i}, rows);
  steps_.add_row_work({Op::NormMlp, i}, rows);
  add_product(Op::Up, i, layer.mlp_up, rows);
  add_product(Op::Down, i, layer.mlp_down, rows);
  if (post_norm) steps_.add_row_work({Op::AddMlp, i}, rows);
}

void ForwardPass::add_product(Op op, std::int32_t layer, const Linear& linear, std::int32_t rows) {
  ProductResult result = ProductResult::Matrix;
  if (op == Op::Up) result = model_.shape.gated != 0 ? ProductResult::GatedRows : ProductResult::QuantizedRows;
  if (op == Op::Head) result = ProductResult::Logits;
  const ProductGrid grid = plan_product(kernels_, model_.context.team.n_threads(), linear, rows, result);
  steps_.add(op, layer, rows, n_product_items(grid, rows)).grid = grid;
}

/// Few rows read the keys of a whole group in one stretch; with many rows, threads share the heads of queries. An item
/// stores the keys that it reads, unless others read them too.
void ForwardPass::add_attention(std::int32_t layer, std::int32_t rows, bool of_outputs) {
  const auto tiles = of_outputs ? batch_->output_tiles() : batch_->query_tiles();
  const auto segments = batch_->pass().segments();
  const bool few = std::all_of(segments.begin(), segments.end(),
                               [&](const PassSegment& segment) { return attends_few(segment, of_outputs); });
  const bool shares_keys = !few && model_.queries_per_head() > 1;
  const auto groups = static_cast<std::size_t>(cache_.n_groups());
  // Fewer items than threads: threads share the keys of one, too, if they are many.
  std::int32_t chunks = 0;
  if (few && tiles.size() * groups < static_cast<std::size_t>(model_.context.team.n_threads())) {
    for (const QueryTile& tile : tiles) chunks = std::max(chunks, chunks_of(layer, tile));
  }
  if (chunks == 1) chunks = 0;
  const bool append_first = batch_->appends_first() || of_outputs || shares_keys || chunks > 0;
  if (append_first) {
    const auto heads = static_cast<std::size_t>(model_.shape.n_kv_heads);
    steps_.add(Op::Append, layer, batch_->pass().n_rows(), segments.size() * heads);
  }
  if (rows == 0) return;
  const std::size_t parts =
      few ? groups * static_cast<std::size_t>(std::max(chunks, 1)) : static_cast<std::size_t>(model_.shape.n_heads);
  Step& step = steps_.add(Op::Attention, layer, rows, tiles.size() * parts);
  step.of_outputs = of_outputs;
  step.by_group = few;
  step.appends = !append_first;
  step.chunks = chunks;
  if (chunks == 0) return;
  Step& merge = steps_.add(Op::AttentionMerge, layer, rows, tiles.size() * groups);
  merge.of_outputs = of_outputs;
  merge.by_group = true;
}

/// Once per layer up to this one: while the caller's thread had lost its core, workers may have gone several layers on.
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
  const PassPlan& pass = batch_->pass();
  if (pass.call_rows() > kMaxGemvRows) {
    const double done = static_cast<double>(pass.n_rows()) * phase / n_phases();
    host.progress((static_cast<double>(pass.rows_before()) + done) / static_cast<double>(pass.call_rows()));
  }
}

void ForwardPass::record(Op op, std::int32_t layer, int thread, std::uint64_t begin, std::uint64_t bytes,
                         std::uint64_t flops) {
  profile_.add(thread, operation_name(op), layer, begin, bytes, flops);
}

}  // namespace inferbench::cpu_quant
