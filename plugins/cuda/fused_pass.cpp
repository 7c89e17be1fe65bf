// SPDX-License-Identifier: Apache-2.0
#include "fused_pass.hpp"

#include <algorithm>

#include "cuda_call.hpp"

namespace inferbench::cuda_backend {

bool FusedPass::takes(const Model& model, const TensorMaps& maps) {
  const ModelData& data = model.data();
  return model.options.fused_pass && model.context.has_bulk_copies && maps.are_there() && !is_quantized(data.format) &&
         data.format != Format::kF32 && data.shape.hidden_stride <= kMostFusedHidden;
}

bool FusedPass::takes(const PassPlan& plan) {
  const auto is_one = [](const PassSegment& segment) { return segment.n_rows == 1; };
  return plan.n_rows() >= kFewestRows && plan.n_rows() <= kStreamedRows &&
         std::all_of(plan.segments().begin(), plan.segments().end(), is_one);
}

FusedPass::FusedPass(const Model& model, const TensorMaps& maps, RowsOf logits)
    : model_(model), logits_(logits), lists_(kStreamedRows) {
  const Products& products = model.data().products;
  qkv_ = plan_product(products.qkv, kMostProductParts);
  out_ = plan_product(products.out, kMostProductParts);
  up_ = plan_product(products.up, 1);
  down_ = plan_product(products.down, kMostProductParts);
  head_ = plan_product(products.head, 1);
  constexpr std::int32_t kHeadTile = 128;
  head_.cut.tile_rows = kHeadTile;
  head_.cut.tiles = (products.head.rows + kHeadTile - 1) / kHeadTile;
  Arena counting;
  take_work(counting);
  memory_ = DeviceBuffer(counting.used(), "work space");
  Arena arena(memory_.data());
  work_ = take_work(arena);
  ids_ = HostBuffer(kStreamedRows * sizeof(std::int32_t));
  describe_weights(maps);
  const auto describe = [&](RowsOf rows) {
    return maps.make(model.data().values, rows.data, kStreamedRows, rows.stride, rows.stride, kStreamedRows);
  };
  normed_ = describe(work_.y);
  attended_ = describe(work_.attended);
  mlp_ = describe(work_.mlp);
  prepare_streamed_products(model.data().values);
}

FusedPass::LayerProduct FusedPass::plan_product(const MatrixShape& shape, std::int32_t most_parts) const {
  return {shape, cut_product(shape, model_.context.n_multiprocessors, most_parts), {}};
}

void FusedPass::describe_weights(const TensorMaps& maps) {
  const auto add = [&](LayerProduct& product, const Matrix& matrix) {
    const MatrixShape& shape = product.shape;
    product.weights.push_back(maps.make(model_.data().values, matrix.data, std::int64_t{shape.row_tiles} * kTileRows,
                                        shape.padded_inputs, shape.padded_inputs, product.cut.tile_rows));
  };
  for (const LayerWeights& layer : model_.layout.layers) {
    add(qkv_, layer.qkv);
    add(out_, layer.out);
    add(up_, layer.up);
    add(down_, layer.down);
  }
  add(head_, model_.data().head);
}

FusedPass::Work FusedPass::take_work(Arena& arena) {
  const Shape& shape = model_.data().shape;
  const auto take_rows = [&](std::int32_t stride) {
    return RowsOf{arena.take<std::uint16_t>(static_cast<std::uint64_t>(part_stride(stride))), stride, false};
  };
  const auto take_parts = [&](std::int32_t parts, std::int32_t stride) {
    return arena.take<float>(static_cast<std::uint64_t>(parts) * static_cast<std::uint64_t>(part_stride(stride)));
  };
  Work work{};
  work.x = take_parts(1, shape.hidden_stride);
  work.y = take_rows(shape.hidden_stride);
  work.qkv = {take_parts(qkv_.cut.parts, shape.qkv_stride), shape.qkv_stride, true};
  work.attended = take_rows(shape.query_stride);
  work.delta = take_parts(std::max(out_.cut.parts, down_.cut.parts), shape.hidden_stride);
  work.mlp = take_rows(shape.mlp_stride);
  work.best = arena.take<unsigned long long>(kStreamedRows);
  work.finished = arena.take<unsigned>(1);
  lists_.place(arena.take<std::int32_t>(lists_.most_size()));
  return work;
}

void FusedPass::run(const PassPlan& plan, const KvCache& cache, const ib_forward_params& params) {
  lists_.fill(plan, 0, 0);
  const std::span<const PassOutput> outputs = plan.outputs();
  const auto is_greedy = [](const PassOutput& output) { return output.greedy; };
  const bool in_graph = !outputs.empty() && std::all_of(outputs.begin(), outputs.end(), is_greedy);
  // A graph cannot be called back; it takes a millisecond or two. So the host is asked for all layers before it.
  for (std::int32_t i = 0; i < model_.data().shape.n_layers; ++i) model_.context.host.throw_if_cancelled();
  const std::int32_t n_ids = in_graph ? static_cast<std::int32_t>(outputs.size()) : 0;
  graphs_.run({lists_.rows().n_rows, n_ids}, model_.context.stream, [&] {
    run_layers(cache);
    if (n_ids == 0) return;
    norm_outputs(n_ids);
    run_head(0, n_ids, nullptr, true);
  });
  if (!in_graph && !outputs.empty()) write_outputs(plan, params);
  check(cudaStreamSynchronize(model_.context.stream), "a pass");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].greedy) params.ids[outputs[i].index] = ids_.as<std::int32_t>()[i];
  }
}

void FusedPass::run_layers(const KvCache& cache) {
  const ModelData& model = model_.data();
  begin_rows(model, lists_.host(), lists_.size(), lists_.rows(), model_.layout.layers.front().attn_norm, work_.x,
             work_.y, model_.context.stream);
  for (std::int32_t i = 0; i < model.shape.n_layers; ++i) run_layer(i, cache);
}

// The norm of the layer's input is there; of its output, it makes the next layer's, if there is one.
void FusedPass::run_layer(std::int32_t index, const KvCache& cache) {
  const ModelData& model = model_.data();
  const auto i = static_cast<std::size_t>(index);
  const LayerWeights& layer = model_.layout.layers[i];
  const QkvParts qkv{work_.qkv, qkv_.cut.parts, part_stride(work_.qkv.stride)};

  StreamedProduct next = product(qkv_, i, layer.qkv, normed_);
  next.y = qkv.rows.data;
  next.y_stride = qkv.rows.stride;
  next.part_stride = qkv.part_stride;
  multiply(next);

  attend_newest(model, cache, layer, index, lists_.rows(), qkv, work_.attended, model_.context.stream);
  multiply(product(out_, i, layer.out, attended_));
  add_to_stream(out_, layer.attn_post_norm, layer.mlp_norm);

  next = product(up_, i, layer.up, normed_);
  next.result = ProductResult::kActivated;
  next.y = work_.mlp.data;
  next.y_stride = work_.mlp.stride;
  multiply(next);
  multiply(product(down_, i, layer.down, mlp_));
  if (i + 1 < model_.layout.layers.size()) {
    add_to_stream(down_, layer.mlp_post_norm, model_.layout.layers[i + 1].attn_norm);
  }
}

void FusedPass::add_to_stream(const LayerProduct& from, const NormWeights& post, const NormWeights& norm) {
  const DeltaParts delta{work_.delta, from.cut.parts, part_stride(work_.y.stride)};
  add_and_norm_rows(model_.data(), delta, post, norm, nullptr, work_.x, work_.y, lists_.rows().n_rows,
                    model_.context.stream);
}

// Of the last layer, only what the outputs need.
void FusedPass::norm_outputs(std::int32_t n) {
  const DeltaParts delta{work_.delta, down_.cut.parts, part_stride(work_.y.stride)};
  add_and_norm_rows(model_.data(), delta, model_.layout.layers.back().mlp_post_norm, model_.data().final_norm,
                    lists_.rows().output_rows, work_.x, work_.y, n, model_.context.stream);
}

// Of outputs `first` to first + n - 1.
void FusedPass::run_head(std::int32_t first, std::int32_t n, float* logits, bool wants_ids) {
  StreamedProduct next = product(head_, 0, model_.data().head, normed_);
  next.rows = n;
  next.first_row = first;
  next.result = ProductResult::kLogits;
  next.y = logits;
  next.y_stride = logits_.stride;
  next.best = work_.best;
  next.finished = work_.finished;
  next.ids = wants_ids ? ids_.as<std::int32_t>() + first : nullptr;
  multiply(next);
}

// Results go to `delta`, unless the caller changes that.
StreamedProduct FusedPass::product(const LayerProduct& of, std::size_t layer, const Matrix& matrix,
                                   const CUtensorMap& x) const {
  StreamedProduct product{};
  product.w = of.weights[layer];
  product.x = x;
  product.cut = of.cut;
  product.bias = matrix.bias;
  product.y = work_.delta;
  product.y_stride = work_.y.stride;
  product.part_stride = part_stride(work_.y.stride);
  product.rows = lists_.rows().n_rows;
  product.outputs = of.shape.rows;
  product.result = ProductResult::kParts;
  product.shape = model_.data().shape;
  return product;
}

void FusedPass::multiply(const StreamedProduct& product) const {
  run_streamed_product(product, model_.data().values, model_.context.n_multiprocessors, model_.context.stream);
}

void FusedPass::write_outputs(const PassPlan& plan, const ib_forward_params& params) {
  const auto vocab = static_cast<std::int64_t>(model_.data().shape.vocab);
  const std::size_t row_bytes = static_cast<std::size_t>(vocab) * sizeof(float);
  norm_outputs(static_cast<std::int32_t>(plan.outputs().size()));
  plan.for_alike_outputs(std::size_t{kStreamedRows}, [&](std::span<const PassOutput> outputs, std::size_t begin) {
    const auto n = static_cast<std::int32_t>(outputs.size());
    const bool greedy = outputs[0].greedy;
    run_head(static_cast<std::int32_t>(begin), n, greedy ? nullptr : static_cast<float*>(logits_.data), greedy);
    if (greedy) return;
    check(cudaMemcpy2DAsync(params.logits + outputs[0].index * vocab, row_bytes, logits_.data,
                            static_cast<std::size_t>(logits_.stride) * sizeof(float), row_bytes,
                            static_cast<std::size_t>(n), cudaMemcpyDeviceToHost, model_.context.stream),
          "copying logits");
  });
}

}  // namespace inferbench::cuda_backend
