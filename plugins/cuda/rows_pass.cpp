// SPDX-License-Identifier: Apache-2.0
#include "rows_pass.hpp"

#include <algorithm>

#include "cuda_call.hpp"
#include "group_attention.hpp"

namespace inferbench::cuda_backend {
namespace {

// Passes of more rows take longer on the device than their launches on the host.
constexpr std::int32_t kMostGraphRows = 512;
// In passes of up to this many rows, what products give stays in fp32: it costs nothing, and a token gets the same
// roundings as in a step.
constexpr std::int32_t kMostFloatRows = 1024;

std::uint64_t most_plain_bytes(const ModelData& model) {
  const Products& products = model.products;
  std::int64_t most = 0;
  for (const MatrixShape& shape : {products.qkv, products.out, products.up, products.down, products.head}) {
    if (!is_quantized(shape.format)) continue;
    most = std::max(most, static_cast<std::int64_t>(shape.row_tiles) * kTileRows * shape.padded_inputs * 2);
  }
  return static_cast<std::uint64_t>(most);
}

bool has_group_attention(const Model& model) {
  const std::int32_t size = model.data().shape.head_dim;
  return model.context.has_warpgroup_products && model.options.fused_pass &&
         has_tiled_attention(model.data(), model.context.shared_bytes) && (size == 64 || size == 128);
}

bool tiles_fit(const Model& model, const TensorMaps& maps) {
  const ModelData& data = model.data();
  return maps.are_there() && model.options.fused_pass && data.values != Format::kF32 &&
         data.shape.hidden_stride <= kMostFusedHidden && model.context.has_warpgroup_products &&
         model.context.shared_bytes >= kTileSharedBytes;
}

}  // namespace

RowsPass::RowsPass(const Model& model, std::int32_t max_rows, std::int32_t max_tokens)
    : model_(model), max_rows_(max_rows), max_tokens_(max_tokens), lists_(max_rows) {
  const TensorMaps maps;
  tiles_fit_ = tiles_fit(model, maps);
  Arena counting;
  take_work(counting);
  memory_ = DeviceBuffer(counting.used(), "work space");
  Arena arena(memory_.data());
  work_ = take_work(arena);
  const std::int32_t head_rows = std::min(max_rows_, kHeadRows);
  ids_ = HostBuffer(static_cast<std::size_t>(head_rows) * sizeof(std::int32_t));
  const auto clear = [&](void* data, std::size_t bytes) {
    check(cudaMemsetAsync(data, 0, bytes, model.context.stream), "clearing work space");
  };
  clear(work_.argmax.best, static_cast<std::size_t>(head_rows) * sizeof *work_.argmax.best);
  clear(work_.argmax.finished, static_cast<std::size_t>(head_rows) * sizeof *work_.argmax.finished);
  if (!tiles_fit_) return;
  prepare_tile_products(model.data().values, model.data().format);
  prepare_tile_products(model.data().values, model.data().products.head.format);
  describe_matrices(maps);
}

void RowsPass::describe_matrices(const TensorMaps& maps) {
  const ModelData& model = model_.data();
  for (const RowsOf& x : {work_.y, work_.attended, work_.mlp}) {
    for (const std::int32_t box : kTileRowSizes) {
      maps_[{x.data, box}] = maps.make(model.values, x.data, max_rows_, x.stride, x.stride, box);
    }
  }
  const auto add = [&](const MatrixShape& shape, const Matrix& matrix) {
    if (is_quantized(shape.format)) return;
    maps_[{matrix.data, kTileOutputs}] = maps.make(model.values, matrix.data, std::int64_t{shape.row_tiles} * kTileRows,
                                                   shape.padded_inputs, shape.padded_inputs, kTileOutputs);
  };
  const Products& products = model.products;
  for (const LayerWeights& layer : model_.layout.layers) {
    add(products.qkv, layer.qkv);
    add(products.out, layer.out);
    add(products.up, layer.up);
    add(products.down, layer.down);
  }
  add(products.head, model.head);
}

RowsPass::Work RowsPass::take_work(Arena& arena) {
  const ModelData& model = model_.data();
  const Shape& shape = model.shape;
  const auto rows = static_cast<std::uint64_t>(max_rows_);
  const auto size = static_cast<std::uint64_t>(value_bytes(model.values));
  const auto take_rows = [&](std::int32_t stride) {
    return RowsOf{arena.take<std::byte>(rows * static_cast<std::uint64_t>(stride) * size), stride, false};
  };
  const auto take_results = [&](std::int32_t stride, std::uint64_t part_values) {
    const auto float_rows = static_cast<std::uint64_t>(std::min(max_rows_, kMostFloatRows));
    const auto row_values = static_cast<std::uint64_t>(stride);
    const std::uint64_t floats = std::max(float_rows * row_values, part_values);
    return RowsOf{arena.take<std::byte>(std::max(rows * row_values * size, floats * sizeof(float))), stride, false};
  };
  const auto hidden = rows * static_cast<std::uint64_t>(shape.hidden_stride);
  Work work{};
  work.x = arena.take<float>(hidden);
  const std::uint64_t delta =
      std::max({shape.post_norm != 0 ? hidden : 0, most_part_values(model.products.out, shape.hidden_stride),
                most_part_values(model.products.down, shape.hidden_stride)});
  if (delta > 0) work.delta = arena.take<float>(delta);
  work.y = take_rows(shape.hidden_stride);
  work.qkv = take_results(shape.qkv_stride, most_part_values(model.products.qkv, shape.qkv_stride));
  work.query = arena.take<std::byte>(rows * static_cast<std::uint64_t>(shape.n_heads * shape.head_stride) * size);
  work.attended = take_rows(shape.query_stride);
  work.up = take_results(static_cast<std::int32_t>(round_up(shape.up_rows(), kRowValues)), 0);
  work.mlp = take_rows(shape.mlp_stride);
  if (const std::uint64_t plain = most_plain_bytes(model); plain > 0) work.plain = arena.take<std::byte>(plain);
  const bool may_expand = max_rows_ >= ExpandedRoom::kFewestRows;
  if (model_.options.int8_cache && may_expand && has_tiled_attention(model, model_.context.shared_bytes)) {
    work.expanded.positions = max_tokens_;
    work.expanded.data = arena.take<std::byte>(cache_bytes(shape, model.values, max_tokens_).data /
                                               static_cast<std::uint64_t>(shape.n_layers));
  }
  const auto head_rows = static_cast<std::uint64_t>(std::min(max_rows_, kHeadRows));
  // Rows of an odd vocabulary that lie at odd places would make the product slow.
  work.logits = RowsOf{nullptr, static_cast<std::int32_t>(round_up(shape.vocab, kRowValues)), true};
  work.logits.data = arena.take<float>(head_rows * static_cast<std::uint64_t>(work.logits.stride));
  work.argmax.best = arena.take<unsigned long long>(head_rows);
  work.argmax.finished = arena.take<unsigned>(head_rows);
  lists_.place(arena.take<std::int32_t>(lists_.size()));
  return work;
}

TileCut RowsPass::cut(const MatrixShape& shape, std::int32_t n, std::int32_t most_parts) const {
  return cut_tiles(shape, n, model_.context.n_multiprocessors, most_parts);
}

// Of the parts that products by tiles give.
std::uint64_t RowsPass::most_part_values(const MatrixShape& shape, std::int32_t stride) const {
  std::int64_t most = 0;
  for (std::int32_t n = 1; n <= max_rows_ && has_tiles(n); ++n) {
    most = std::max(most, std::int64_t{cut(shape, n, kMostTileParts).parts} * n);
  }
  return static_cast<std::uint64_t>(most * stride);
}

RowsPass::Pending RowsPass::pending_of(const MatrixShape& shape, const NormWeights& post) const {
  const std::int32_t n = lists_.rows().n_rows;
  const std::int32_t stride = model_.data().shape.hidden_stride;
  return {{work_.delta, cut(shape, n, kMostTileParts).parts, std::int64_t{n} * stride}, post};
}

void RowsPass::upload_lists(const PassPlan& plan) {
  const ModelData& model = model_.data();
  const std::int32_t queries = has_tiled_attention(model, model_.context.shared_bytes)
                                   ? tile_queries(model, plan.n_rows(), model_.context.n_multiprocessors)
                                   : 0;
  lists_.fill(plan, queries, work_.expanded.positions);
  check(cudaMemcpyAsync(lists_.device(), lists_.host(), lists_.size() * sizeof(std::int32_t), cudaMemcpyHostToDevice,
                        model_.context.stream),
        "copying a pass's tokens");
}

void RowsPass::run(const PassPlan& plan, const KvCache& cache, const ib_forward_params& params) {
  upload_lists(plan);
  const RowList& rows = lists_.rows();
  if (rows.n_rows > kMostGraphRows) {
    run_layers(cache, true);
  } else {
    // A graph cannot be called back; it takes some milliseconds at most. So the host is asked for all layers before it.
    for (std::int32_t i = 0; i < model_.data().shape.n_layers; ++i) model_.context.host.throw_if_cancelled();
    graphs_.run({rows.n_rows, rows.n_single, rows.n_tiles, rows.n_contexts, rows.all_expanded ? 1 : 0},
                model_.context.stream, [&] { run_layers(cache, false); });
  }
  pending_ = {};
  if (has_tiles(rows.n_rows)) {
    pending_ = pending_of(model_.data().products.down, model_.layout.layers.back().mlp_post_norm);
  }
  write_outputs(plan, params);
  check(cudaStreamSynchronize(model_.context.stream), "a pass");
}

void RowsPass::run_layers(const KvCache& cache, bool polls) {
  pending_ = {};
  embed_rows(model_.data(), lists_.rows(), work_.x, model_.context.stream);
  for (std::int32_t i = 0; i < model_.data().shape.n_layers; ++i) {
    if (polls) model_.context.host.throw_if_cancelled();
    run_layer(i, cache);
  }
}

// Shapes: x [rows, hidden], qkv [rows, q + 2 kv], attended [rows, q], up [rows, intermediate or twice that].
void RowsPass::run_layer(std::int32_t index, const KvCache& cache) {
  const ModelData& model = model_.data();
  const LayerWeights& layer = model_.layout.layers[static_cast<std::size_t>(index)];
  const cudaStream_t stream = model_.context.stream;
  const RowList& rows = lists_.rows();
  work_.qkv.is_float = work_.up.is_float = rows.n_rows <= kMostFloatRows;
  norm(layer.attn_norm, nullptr, rows.n_rows);
  store_heads(model, cache, layer, index, rows, project_heads(layer), work_.query, stream);
  attend_rows(model, cache, layer, index, rows, work_.query, work_.attended, stream);
  expand_cache(model, cache, work_.expanded, layer, index, rows, stream);
  const bool by_groups = has_group_attention(model_) && (cache.scales == nullptr || rows.all_expanded);
  (by_groups ? attend_groups : attend_tiles)(model, cache, work_.expanded, layer, index, rows, work_.query,
                                             work_.attended, stream);
  project_back(model.products.out, layer.out, work_.attended, layer.attn_post_norm);
  norm(layer.mlp_norm, nullptr, rows.n_rows);
  project_up(layer);
  project_back(model.products.down, layer.down, work_.mlp, layer.mlp_post_norm);
}

// Of the residual stream, to y; adds what is pending to the stream.
void RowsPass::norm(const NormWeights& weights, const std::int32_t* pick, std::int32_t n) {
  const ModelData& model = model_.data();
  const cudaStream_t stream = model_.context.stream;
  if (model.values != Format::kF32 && model.shape.hidden_stride <= kMostFusedHidden) {
    add_and_norm_rows(model, pending_.delta, pending_.post, weights, pick, work_.x, work_.y, n, stream);
  } else {
    norm_rows(model, weights, work_.x, pick, work_.y, n, stream);
  }
  if (pick == nullptr) pending_ = {};
}

QkvParts RowsPass::project_heads(const LayerWeights& layer) {
  const MatrixShape& shape = model_.data().products.qkv;
  const std::int32_t n = lists_.rows().n_rows;
  QkvParts qkv{work_.qkv, 1, std::int64_t{n} * work_.qkv.stride};
  if (has_tiles(n)) {
    const TileCut by = cut(shape, n, kMostTileParts);
    multiply_tiles(shape, layer.qkv, work_.y, n, by, work_.qkv, false);
    qkv.parts = by.parts;
  } else {
    multiply(shape, layer.qkv, work_.y, n, work_.qkv, false);
  }
  return qkv;
}

void RowsPass::project_up(const LayerWeights& layer) {
  const MatrixShape& shape = model_.data().products.up;
  const std::int32_t n = lists_.rows().n_rows;
  if (has_tiles(n)) return multiply_tiles(shape, layer.up, work_.y, n, cut(shape, n, 1), work_.mlp, true);
  multiply(shape, layer.up, work_.y, n, work_.up, false);
  activate_rows(model_.data(), work_.up, work_.mlp, n, model_.context.stream);
}

// Adds to the residual stream, or leaves that to the next norm.
void RowsPass::project_back(const MatrixShape& shape, const Matrix& matrix, RowsOf x, const NormWeights& post) {
  const std::int32_t n = lists_.rows().n_rows;
  const std::int32_t stride = model_.data().shape.hidden_stride;
  const RowsOf delta{work_.delta, stride, true};
  if (has_tiles(n)) {
    multiply_tiles(shape, matrix, x, n, cut(shape, n, kMostTileParts), delta, false);
    pending_ = pending_of(shape, post);
    return;
  }
  if (post.weight == nullptr) return multiply(shape, matrix, x, n, {work_.x, stride, true}, true);
  multiply(shape, matrix, x, n, delta, false);
  add_normed_rows(model_.data(), post, work_.delta, work_.x, n, model_.context.stream);
}

void RowsPass::project_to_logits(std::int32_t n) {
  const ModelData& model = model_.data();
  const MatrixShape& shape = model.products.head;
  if (has_tiles(n)) return multiply_tiles(shape, model.head, work_.y, n, cut(shape, n, 1), work_.logits, false);
  multiply(shape, model.head, work_.y, n, work_.logits, false);
}

void RowsPass::multiply_tiles(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n,
                              const TileCut& cut, RowsOf y, bool activates) {
  TileProduct product{};
  product.x_map = maps_.at({x.data, cut.rows});
  if (!is_quantized(shape.format)) product.w_map = maps_.at({matrix.data, kTileOutputs});
  product.shape = shape;
  product.cut = cut;
  product.w = matrix.data;
  product.bias = matrix.bias;
  product.rows = n;
  product.y = y;
  product.part_stride = std::int64_t{n} * y.stride;
  product.activates = activates;
  product.model = model_.data().shape;
  run_tile_product(product, model_.data().values, model_.context.stream);
}

void RowsPass::multiply(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n, RowsOf y,
                        bool accumulate) {
  const void* weights = matrix.data;
  if (is_quantized(shape.format)) {
    dequantize(shape, matrix.data, work_.plain, model_.context.stream);
    weights = work_.plain;
  }
  const Product product{x.data,
                        weights,
                        y.data,
                        matrix.bias,
                        x.stride,
                        shape.padded_inputs,
                        y.stride,
                        n,
                        shape.rows,
                        shape.inputs,
                        model_.data().values,
                        y.is_float ? Format::kF32 : model_.data().values,
                        accumulate};
  if (product.values != Format::kF32 && model_.options.blas &&
      model_.context.blas.run(product, model_.context.stream)) {
    return;
  }
  run_product(product, model_.context.stream);
}

void RowsPass::write_outputs(const PassPlan& plan, const ib_forward_params& params) {
  const ModelData& model = model_.data();
  const cudaStream_t stream = model_.context.stream;
  const auto vocab = static_cast<std::int64_t>(model.shape.vocab);
  const std::size_t row_bytes = static_cast<std::size_t>(vocab) * sizeof(float);
  auto* logits = static_cast<float*>(work_.logits.data);
  plan.for_alike_outputs(std::size_t{kHeadRows}, [&](std::span<const PassOutput> outputs, std::size_t begin) {
    const auto n = static_cast<std::int32_t>(outputs.size());
    const PassOutput& first = outputs[0];
    auto* ids = ids_.as<std::int32_t>();
    norm(model.final_norm, lists_.rows().output_rows + begin, n);
    project_to_logits(n);
    finish_logits(model, logits, work_.logits.stride, n, first.greedy ? ids : nullptr, work_.argmax, stream);
    if (first.greedy) {
      check(cudaStreamSynchronize(stream), "a pass");
      std::copy_n(ids, n, params.ids + first.index);
    } else {
      check(cudaMemcpy2DAsync(params.logits + first.index * vocab, row_bytes, logits,
                              static_cast<std::size_t>(work_.logits.stride) * sizeof(float), row_bytes,
                              static_cast<std::size_t>(n), cudaMemcpyDeviceToHost, stream),
            "copying logits");
    }
  });
}

}  // namespace inferbench::cuda_backend
