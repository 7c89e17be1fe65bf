// SPDX-License-Identifier: Apache-2.0
//
// The work space of a RowsPass, and what its products by tiles need.
#include <algorithm>

#include "cuda_call.hpp"
#include "rows_pass.hpp"

namespace inferbench::cuda_backend {
namespace {

std::uint64_t most_plain_bytes(const ModelData& model) {
  const Products& products = model.products;
  std::int64_t most = 0;
  for (const MatrixShape& shape : {products.qkv, products.out, products.up, products.down, products.head}) {
    if (!is_quantized(shape.format)) continue;
    most = std::max(most, static_cast<std::int64_t>(shape.row_tiles) * kTileRows * shape.padded_inputs * 2);
  }
  return static_cast<std::uint64_t>(most);
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
    for (const std::int32_t box : {kTileOutputs, kSharedOutputs}) {
      maps_[{matrix.data, box}] = maps.make(model.values, matrix.data, std::int64_t{shape.row_tiles} * kTileRows,
                                            shape.padded_inputs, shape.padded_inputs, box);
    }
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
  lists_.place(arena.take<std::int32_t>(lists_.most_size()));
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

}  // namespace inferbench::cuda_backend
