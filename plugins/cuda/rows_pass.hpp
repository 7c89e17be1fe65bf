// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "device_memory.hpp"
#include "fused_kernels.hpp"
#include "graph_cache.hpp"
#include "inferbench/pass_plan.hpp"
#include "model.hpp"
#include "pass_lists.hpp"
#include "rows.hpp"
#include "tensor_map.hpp"
#include "tile_product.hpp"

namespace inferbench::cuda_backend {

/// Passes with any number of rows, kernel by kernel.
class RowsPass {
 public:
  /// Rows of a pass at most.
  static constexpr std::int32_t kMostRows = 2048;
  /// In passes of up to this many rows, what products give stays in fp32: it costs nothing, and a token gets the same
  /// roundings as in a step.
  static constexpr std::int32_t kMostFloatRows = 1024;
  /// Most rows of one head product: with a large vocabulary its results dominate the work space.
  static constexpr std::int32_t kHeadRows = 64;

  /// `max_rows`: of a pass. `max_tokens`: of a sequence.
  RowsPass(const Model& model, std::int32_t max_rows, std::int32_t max_tokens);

  std::uint64_t bytes() const { return memory_.bytes(); }
  /// Work space for logits of up to kHeadRows rows, fp32, which is free between passes.
  RowsOf logits() const { return work_.logits; }

  /// Runs the present pass of `plan`, and writes what the caller wants. When it throws, work may still be in the
  /// stream.
  void run(const PassPlan& plan, const KvCache& cache, const ib_forward_params& params);

 private:
  struct Work {
    float* x;
    float* delta;  ///< of norms after products, or of products by tiles, in parts; null: there is neither
    RowsOf y;
    RowsOf qkv;
    void* query;
    RowsOf attended;
    RowsOf up;
    RowsOf mlp;
    void* plain;             ///< a quantized matrix as plain rows; null: none is
    ExpandedCache expanded;  ///< of an 8-bit cache
    RowsOf logits;           ///< fp32
    ArgmaxWork argmax;
  };
  Work take_work(Arena& arena);

  void fill_lists(const PassPlan& plan);
  /// Whether all tiles of a pass are those of attend_short.
  bool attends_short(const PassPlan& plan) const;
  /// Whether the first kernel of a pass fetches the lists, and norms the embeddings for the first layer.
  bool begins_with_norm() const;
  void run_layers(const KvCache& cache, bool polls);
  void run_layer(std::int32_t index, const KvCache& cache);
  void run_graph(const KvCache& cache, std::int32_t n_ids);
  void run_head(std::int32_t first, std::int32_t n, std::int32_t* ids);
  void write_outputs(const PassPlan& plan, const ib_forward_params& params);
  void norm(const NormWeights& weights, const std::int32_t* pick, std::int32_t n);

  /// Whether a product of `n` rows is one by tiles.
  bool has_tiles(std::int32_t n) const { return tiles_fit_ && n <= kMostTileRows; }
  TileCut cut(const MatrixShape& shape, std::int32_t n, std::int32_t most_parts) const;
  std::uint64_t most_part_values(const MatrixShape& shape, std::int32_t stride) const;
  void describe_matrices(const TensorMaps& maps);
  TileProduct tile_product(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n, const TileCut& cut,
                           RowsOf y) const;
  void multiply_tiles(const TileProduct& product) const;
  void project_heads(std::int32_t index, const LayerWeights& layer, const KvCache& cache);
  void project_up(const LayerWeights& layer);
  void project_back(const MatrixShape& shape, const Matrix& matrix, RowsOf x, const NormWeights& post);
  void project_to_logits(std::int32_t n);
  void multiply(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n, RowsOf y, bool accumulate);

  /// What the residual stream lacks until the next norm adds it.
  struct Pending {
    DeltaParts delta;
    NormWeights post;
  };
  Pending pending_of(const MatrixShape& shape, const NormWeights& post) const;

  const Model& model_;
  std::int32_t max_rows_;
  std::int32_t max_tokens_;
  bool tiles_fit_ = false;  ///< the model and the GPU allow products by tiles
  DeviceBuffer memory_;
  HostBuffer ids_;
  PassLists lists_;
  Work work_{};
  Pending pending_{};
  /// Of matrices by their data, which products by tiles read: activations in boxes of each of kTileRowSizes, and plain
  /// weights.
  std::map<std::pair<const void*, std::int32_t>, CUtensorMap> maps_;
  GraphCache graphs_;
};

}  // namespace inferbench::cuda_backend
