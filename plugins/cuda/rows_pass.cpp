// SPDX-License-Identifier: Apache-2.0
#include "rows_pass.hpp"

#include <algorithm>

#include "cuda_call.hpp"
#include "group_attention.hpp"
#include "short_attention.hpp"

namespace inferbench::cuda_backend {
namespace {

// Passes of more rows take longer on the device than their launches on the host.
constexpr std::int32_t kMostGraphRows = 512;
bool has_group_attention(const Model& model) {
  const std::int32_t size = model.data().shape.head_dim;
  return model.context.has_warpgroup_products && model.options.fused_pass &&
         has_tiled_attention(model.data(), model.context.shared_bytes) && (size == 64 || size == 128);
}

}  // namespace

RowsPass::Pending RowsPass::pending_of(const MatrixShape& shape, const NormWeights& post) const {
  const std::int32_t n = lists_.rows().n_rows;
  const std::int32_t stride = model_.data().shape.hidden_stride;
  return {{work_.delta, cut(shape, n, kMostTileParts).parts, std::int64_t{n} * stride}, post};
}

void RowsPass::fill_lists(const PassPlan& plan) {
  const ModelData& model = model_.data();
  const std::int32_t queries = has_tiled_attention(model, model_.context.shared_bytes)
                                   ? tile_queries(model, plan.n_rows(), model_.context.n_multiprocessors)
                                   : 0;
  lists_.fill(plan, attends_short(plan) ? kFewestTileQueries : queries, work_.expanded.positions);
  if (begins_with_norm()) return;
  check(cudaMemcpyAsync(lists_.device(), lists_.host(), lists_.size() * sizeof(std::int32_t), cudaMemcpyHostToDevice,
                        model_.context.stream),
        "copying a pass's tokens");
}

bool RowsPass::attends_short(const PassPlan& plan) const {
  const auto is_short = [](const PassSegment& segment) {
    return segment.first_position + segment.n_rows <= kMostShortRows;
  };
  return plan.n_rows() <= kMostShortRows && has_short_attention(model_.data()) && !model_.options.int8_cache &&
         std::all_of(plan.segments().begin(), plan.segments().end(), is_short);
}

bool RowsPass::begins_with_norm() const {
  const ModelData& model = model_.data();
  return lists_.rows().n_rows <= kMostGraphRows && model.values != Format::kF32 &&
         model.shape.hidden_stride <= kMostFusedHidden;
}

void RowsPass::run(const PassPlan& plan, const KvCache& cache, const ib_forward_params& params) {
  fill_lists(plan);
  const std::span<const PassOutput> outputs = plan.outputs();
  if (lists_.rows().n_rows > kMostGraphRows) {
    run_layers(cache, true);
    write_outputs(plan, params);
  } else {
    const auto is_greedy = [](const PassOutput& output) { return output.greedy; };
    const bool in_graph =
        outputs.size() <= std::size_t{kHeadRows} && std::all_of(outputs.begin(), outputs.end(), is_greedy);
    const std::int32_t n_ids = in_graph ? static_cast<std::int32_t>(outputs.size()) : 0;
    run_graph(cache, n_ids);
    if (!in_graph) write_outputs(plan, params);
    if (n_ids > 0) {
      check(cudaStreamSynchronize(model_.context.stream), "a pass");
      for (std::size_t i = 0; i < outputs.size(); ++i) params.ids[outputs[i].index] = ids_.as<std::int32_t>()[i];
      return;
    }
  }
  check(cudaStreamSynchronize(model_.context.stream), "a pass");
}

// With the argmax of the first `n_ids` outputs.
void RowsPass::run_graph(const KvCache& cache, std::int32_t n_ids) {
  const RowList& rows = lists_.rows();
  // A graph cannot be called back; it takes some milliseconds at most. So the host is asked for all layers before it.
  for (std::int32_t i = 0; i < model_.data().shape.n_layers; ++i) model_.context.host.throw_if_cancelled();
  graphs_.run(
      {rows.n_rows, rows.n_single, rows.n_tiles, rows.n_contexts, rows.all_expanded ? 1 : 0, rows.tile_queries, n_ids},
      model_.context.stream, [&] {
        run_layers(cache, false);
        if (n_ids > 0) run_head(0, n_ids, ids_.as<std::int32_t>());
      });
  pending_ = {};
  if (has_tiles(rows.n_rows)) {
    pending_ = pending_of(model_.data().products.down, model_.layout.layers.back().mlp_post_norm);
  }
}

void RowsPass::run_layers(const KvCache& cache, bool polls) {
  const ModelData& model = model_.data();
  const NormWeights& first = model_.layout.layers.front().attn_norm;
  pending_ = {};
  if (begins_with_norm()) {
    begin_rows(model, lists_.host(), lists_.size(), lists_.rows(), first, work_.x, work_.y, model_.context.stream);
  } else {
    embed_rows(model, lists_.rows(), work_.x, model_.context.stream);
    norm(first, nullptr, lists_.rows().n_rows);
  }
  for (std::int32_t i = 0; i < model.shape.n_layers; ++i) {
    if (polls) model_.context.host.throw_if_cancelled();
    if (i > 0) norm(model_.layout.layers[static_cast<std::size_t>(i)].attn_norm, nullptr, lists_.rows().n_rows);
    run_layer(i, cache);
  }
}

// The norm of its input is there. Shapes: x [rows, hidden], qkv [rows, q + 2 kv], attended [rows, q], up [rows,
// intermediate or twice that].
void RowsPass::run_layer(std::int32_t index, const KvCache& cache) {
  const ModelData& model = model_.data();
  const LayerWeights& layer = model_.layout.layers[static_cast<std::size_t>(index)];
  const cudaStream_t stream = model_.context.stream;
  const RowList& rows = lists_.rows();
  work_.qkv.is_float = work_.up.is_float = rows.n_rows <= kMostFloatRows;
  project_heads(index, layer, cache);
  attend_rows(model, cache, layer, index, rows, work_.query, work_.attended, stream);
  expand_cache(model, cache, work_.expanded, layer, index, rows, stream);
  if (rows.tile_queries == kFewestTileQueries) {
    attend_short(model, cache, layer, index, rows, work_.query, work_.attended, stream);
  } else {
    const bool by_groups = has_group_attention(model_) && (cache.scales == nullptr || rows.all_expanded);
    (by_groups ? attend_groups : attend_tiles)(model, cache, work_.expanded, layer, index, rows, work_.query,
                                               work_.attended, stream);
  }
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

// Queries go to work_.query, keys and values to the cache.
void RowsPass::project_heads(std::int32_t index, const LayerWeights& layer, const KvCache& cache) {
  const ModelData& model = model_.data();
  const MatrixShape& shape = model.products.qkv;
  const RowList& rows = lists_.rows();
  const std::int32_t n = rows.n_rows;
  QkvParts qkv{work_.qkv, 1, std::int64_t{n} * work_.qkv.stride};
  if (has_tiles(n)) {
    const bool fits = model.shape.head_dim == kSharedOutputs && cache.scales == nullptr;
    const TileCut by =
        fits ? cut_head_tiles(shape, n, model_.context.n_multiprocessors) : cut(shape, n, kMostTileParts);
    TileProduct product = tile_product(shape, layer.qkv, work_.y, n, by, work_.qkv);
    product.begins_late = index == 0;  // what reads lists early comes after the kernel that fetches them
    const bool finishes = fits && has_head_tiles(by);
    if (finishes) product.heads = {cache, layer, rows, work_.query, index};
    multiply_tiles(product);
    if (finishes) return;
    qkv.parts = by.parts;
  } else {
    multiply(shape, layer.qkv, work_.y, n, work_.qkv, false);
  }
  store_heads(model, cache, layer, index, rows, qkv, work_.query, model_.context.stream);
}

void RowsPass::project_up(const LayerWeights& layer) {
  const MatrixShape& shape = model_.data().products.up;
  const std::int32_t n = lists_.rows().n_rows;
  if (has_tiles(n)) {
    TileProduct product = tile_product(shape, layer.up, work_.y, n, cut(shape, n, 1), work_.mlp);
    product.activates = true;
    return multiply_tiles(product);
  }
  multiply(shape, layer.up, work_.y, n, work_.up, false);
  activate_rows(model_.data(), work_.up, work_.mlp, n, model_.context.stream);
}

// Adds to the residual stream, or leaves that to the next norm.
void RowsPass::project_back(const MatrixShape& shape, const Matrix& matrix, RowsOf x, const NormWeights& post) {
  const std::int32_t n = lists_.rows().n_rows;
  const std::int32_t stride = model_.data().shape.hidden_stride;
  const RowsOf delta{work_.delta, stride, true};
  if (has_tiles(n)) {
    multiply_tiles(tile_product(shape, matrix, x, n, cut(shape, n, kMostTileParts), delta));
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
  if (has_tiles(n)) {
    return multiply_tiles(tile_product(shape, model.head, work_.y, n, cut(shape, n, 1), work_.logits));
  }
  multiply(shape, model.head, work_.y, n, work_.logits, false);
}

// A product that stores its results.
TileProduct RowsPass::tile_product(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n,
                                   const TileCut& cut, RowsOf y) const {
  TileProduct product{};
  product.x_map = maps_.at({x.data, cut.rows});
  if (!is_quantized(shape.format)) product.w_map = maps_.at({matrix.data, cut.outputs});
  product.shape = shape;
  product.cut = cut;
  product.w = matrix.data;
  product.bias = matrix.bias;
  product.rows = n;
  product.y = y;
  product.part_stride = std::int64_t{n} * y.stride;
  product.model = model_.data().shape;
  return product;
}

void RowsPass::multiply_tiles(const TileProduct& product) const {
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

// Logits of outputs `first` to first + n - 1 to work_.logits, and where `ids` is not null their argmax.
void RowsPass::run_head(std::int32_t first, std::int32_t n, std::int32_t* ids) {
  const ModelData& model = model_.data();
  norm(model.final_norm, lists_.rows().output_rows + first, n);
  project_to_logits(n);
  finish_logits(model, static_cast<float*>(work_.logits.data), work_.logits.stride, n, ids, work_.argmax,
                model_.context.stream);
}

void RowsPass::write_outputs(const PassPlan& plan, const ib_forward_params& params) {
  const cudaStream_t stream = model_.context.stream;
  const auto vocab = static_cast<std::int64_t>(model_.data().shape.vocab);
  const std::size_t row_bytes = static_cast<std::size_t>(vocab) * sizeof(float);
  plan.for_alike_outputs(std::size_t{kHeadRows}, [&](std::span<const PassOutput> outputs, std::size_t begin) {
    const auto n = static_cast<std::int32_t>(outputs.size());
    const PassOutput& first = outputs[0];
    auto* ids = ids_.as<std::int32_t>();
    run_head(static_cast<std::int32_t>(begin), n, first.greedy ? ids : nullptr);
    if (first.greedy) {
      check(cudaStreamSynchronize(stream), "a pass");
      std::copy_n(ids, n, params.ids + first.index);
    } else {
      check(cudaMemcpy2DAsync(params.logits + first.index * vocab, row_bytes, work_.logits.data,
                              static_cast<std::size_t>(work_.logits.stride) * sizeof(float), row_bytes,
                              static_cast<std::size_t>(n), cudaMemcpyDeviceToHost, stream),
            "copying logits");
    }
  });
}

}  // namespace inferbench::cuda_backend
