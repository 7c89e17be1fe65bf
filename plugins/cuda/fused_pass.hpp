// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "device_memory.hpp"
#include "fused_kernels.hpp"
#include "graph_cache.hpp"
#include "inferbench/pass_plan.hpp"
#include "model.hpp"
#include "pass_lists.hpp"
#include "streamed_product.hpp"
#include "tensor_map.hpp"

namespace inferbench::cuda_backend {

/// Steps of 32 to 64 sequences with 16-bit weights: seven kernels a layer, which begin before those in front of them
/// have ended and then fetch their weights. All of a step is one graph.
class FusedPass {
 public:
  /// Passes of fewer rows were not faster than kernel by kernel, or not by much.
  static constexpr std::int32_t kFewestRows = 32;

  static bool takes(const Model& model, const TensorMaps& maps);

  /// `logits`: work space for kStreamedRows rows.
  FusedPass(const Model& model, const TensorMaps& maps, RowsOf logits);

  /// Whether this is a pass for run(): each row is the newest token of its own sequence.
  static bool takes(const PassPlan& plan);
  std::uint64_t bytes() const { return memory_.bytes(); }

  /// As RowsPass::run.
  void run(const PassPlan& plan, const KvCache& cache, const ib_forward_params& params);

 private:
  struct Work {
    float* x;
    RowsOf y;
    RowsOf qkv;  ///< parts, as `delta`
    RowsOf attended;
    float* delta;
    RowsOf mlp;
    unsigned long long* best;
    unsigned* finished;
  };
  /// A product of all layers.
  struct LayerProduct {
    MatrixShape shape;
    ProductCut cut;
    std::vector<CUtensorMap> weights;  ///< by layer; of the head, one
  };
  Work take_work(Arena& arena);
  LayerProduct plan_product(const MatrixShape& shape, std::int32_t most_parts) const;
  void describe_weights(const TensorMaps& maps);
  static std::int64_t part_stride(std::int32_t stride) { return std::int64_t{kStreamedRows} * stride; }

  void run_layers(const KvCache& cache);
  void run_layer(std::int32_t index, const KvCache& cache);
  void add_to_stream(const LayerProduct& from, const NormWeights& post, const NormWeights& norm);
  void norm_outputs(std::int32_t n);
  void run_head(std::int32_t first, std::int32_t n, float* logits, bool wants_ids);
  StreamedProduct product(const LayerProduct& of, std::size_t layer, const Matrix& matrix, const CUtensorMap& x) const;
  void multiply(const StreamedProduct& product) const;
  void write_outputs(const PassPlan& plan, const ib_forward_params& params);

  const Model& model_;
  RowsOf logits_;
  PassLists lists_;
  DeviceBuffer memory_;
  HostBuffer ids_;
  Work work_{};
  LayerProduct qkv_;
  LayerProduct out_;
  LayerProduct up_;
  LayerProduct down_;
  LayerProduct head_;
  CUtensorMap normed_{};
  CUtensorMap attended_{};
  CUtensorMap mlp_{};
  GraphCache graphs_;
};

}  // namespace inferbench::cuda_backend
