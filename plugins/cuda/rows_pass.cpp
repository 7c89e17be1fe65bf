// SPDX-License-Identifier: Apache-2.0
#include "rows_pass.hpp"

#include <algorithm>

#include "cuda_call.hpp"
#include "fused_kernels.hpp"

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

}  // namespace

RowsPass::RowsPass(const Model& model, std::int32_t max_rows) : model_(model), max_rows_(max_rows), lists_(max_rows) {
  Arena counting;
  take_work(counting);
  memory_ = DeviceBuffer(counting.used(), "work space");
  Arena arena(memory_.data());
  work_ = take_work(arena);
}

RowsPass::Work RowsPass::take_work(Arena& arena) {
  const Shape& shape = model_.data().shape;
  const auto rows = static_cast<std::uint64_t>(max_rows_);
  const auto size = static_cast<std::uint64_t>(value_bytes(model_.data().values));
  const auto take_rows = [&](std::int32_t stride) {
    return RowsOf{arena.take<std::byte>(rows * static_cast<std::uint64_t>(stride) * size), stride, false};
  };
  const auto take_results = [&](std::int32_t stride) {
    const auto float_rows = static_cast<std::uint64_t>(std::min(max_rows_, kMostFloatRows));
    const std::uint64_t bytes = std::max(rows * size, float_rows * sizeof(float)) * static_cast<std::uint64_t>(stride);
    return RowsOf{arena.take<std::byte>(bytes), stride, false};
  };
  const auto hidden = rows * static_cast<std::uint64_t>(shape.hidden_stride);
  Work work{};
  work.x = arena.take<float>(hidden);
  if (shape.post_norm != 0) work.delta = arena.take<float>(hidden);
  work.y = take_rows(shape.hidden_stride);
  work.qkv = take_results(shape.qkv_stride);
  work.query = arena.take<std::byte>(rows * static_cast<std::uint64_t>(shape.n_heads * shape.head_stride) * size);
  work.attended = take_rows(shape.query_stride);
  work.up = take_results(static_cast<std::int32_t>(round_up(shape.up_rows(), kRowValues)));
  work.mlp = take_rows(shape.mlp_stride);
  if (const std::uint64_t plain = most_plain_bytes(model_.data()); plain > 0) work.plain = arena.take<std::byte>(plain);
  const auto head_rows = static_cast<std::uint64_t>(std::min(max_rows_, kHeadRows));
  // Rows of an odd vocabulary that lie at odd places would make the product slow.
  work.logits = RowsOf{nullptr, static_cast<std::int32_t>(round_up(shape.vocab, kRowValues)), true};
  work.logits.data = arena.take<float>(head_rows * static_cast<std::uint64_t>(work.logits.stride));
  work.ids = arena.take<std::int32_t>(head_rows);
  lists_.place(arena.take<std::int32_t>(lists_.size()));
  return work;
}

void RowsPass::upload_lists(const PassPlan& plan) {
  lists_.fill(plan, has_tiled_attention(model_.data()));
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
    graphs_.run({rows.n_rows, rows.n_single, rows.n_tiles}, model_.context.stream, [&] { run_layers(cache, false); });
  }
  write_outputs(plan, params);
  check(cudaStreamSynchronize(model_.context.stream), "a pass");
}

void RowsPass::run_layers(const KvCache& cache, bool polls) {
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
  const std::int32_t n = lists_.rows().n_rows;
  const bool is_float = n <= kMostFloatRows;
  const Format results = is_float ? Format::kF32 : model.values;
  work_.qkv.is_float = work_.up.is_float = is_float;
  norm(layer.attn_norm, nullptr, n);
  multiply(model.products.qkv, layer.qkv, work_.y, n, work_.qkv.data, work_.qkv.stride, results, false);
  store_heads(model, cache, layer, index, lists_.rows(), work_.qkv, work_.query, stream);
  attend_rows(model, cache, layer, index, lists_.rows(), work_.query, work_.attended, stream);
  attend_tiles(model, cache, layer, index, lists_.rows(), work_.query, work_.attended, stream);
  project_back(model.products.out, layer.out, work_.attended, layer.attn_post_norm);
  norm(layer.mlp_norm, nullptr, n);
  multiply(model.products.up, layer.up, work_.y, n, work_.up.data, work_.up.stride, results, false);
  activate_rows(model, work_.up, work_.mlp, n, stream);
  project_back(model.products.down, layer.down, work_.mlp, layer.mlp_post_norm);
}

// Of the residual stream, to y.
void RowsPass::norm(const NormWeights& weights, const std::int32_t* pick, std::int32_t n) {
  const ModelData& model = model_.data();
  const cudaStream_t stream = model_.context.stream;
  if (model.values != Format::kF32 && model.shape.hidden_stride <= kMostFusedHidden) {
    return add_and_norm_rows(model, {}, {}, weights, pick, work_.x, work_.y, n, stream);
  }
  norm_rows(model, weights, work_.x, pick, work_.y, n, stream);
}

// Adds to the residual stream.
void RowsPass::project_back(const MatrixShape& shape, const Matrix& matrix, RowsOf x, const NormWeights& post) {
  const std::int32_t n = lists_.rows().n_rows;
  const std::int32_t stride = model_.data().shape.hidden_stride;
  if (post.weight == nullptr) return multiply(shape, matrix, x, n, work_.x, stride, Format::kF32, true);
  multiply(shape, matrix, x, n, work_.delta, stride, Format::kF32, false);
  add_normed_rows(model_.data(), post, work_.delta, work_.x, n, model_.context.stream);
}

void RowsPass::multiply(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n, void* y,
                        std::int32_t y_stride, Format y_format, bool accumulate) {
  const void* weights = matrix.data;
  if (is_quantized(shape.format)) {
    dequantize(shape, matrix.data, work_.plain, model_.context.stream);
    weights = work_.plain;
  }
  const Product product{x.data,
                        weights,
                        y,
                        matrix.bias,
                        x.stride,
                        shape.padded_inputs,
                        y_stride,
                        n,
                        shape.rows,
                        shape.inputs,
                        model_.data().values,
                        y_format,
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
    norm(model.final_norm, lists_.rows().output_rows + begin, n);
    multiply(model.products.head, model.head, work_.y, n, work_.logits.data, work_.logits.stride, Format::kF32, false);
    finish_logits(model, logits, work_.logits.stride, n, first.greedy ? work_.ids : nullptr, stream);
    if (first.greedy) {
      check(cudaMemcpyAsync(params.ids + first.index, work_.ids, static_cast<std::size_t>(n) * sizeof(std::int32_t),
                            cudaMemcpyDeviceToHost, stream),
            "copying ids");
    } else {
      check(cudaMemcpy2DAsync(params.logits + first.index * vocab, row_bytes, logits,
                              static_cast<std::size_t>(work_.logits.stride) * sizeof(float), row_bytes,
                              static_cast<std::size_t>(n), cudaMemcpyDeviceToHost, stream),
            "copying logits");
    }
  });
}

}  // namespace inferbench::cuda_backend
