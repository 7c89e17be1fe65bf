// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "device_memory.hpp"
#include "graph_cache.hpp"
#include "inferbench/pass_plan.hpp"
#include "model.hpp"
#include "pass_lists.hpp"
#include "rows.hpp"

namespace inferbench::cuda_backend {

/// Passes with any number of rows, kernel by kernel.
class RowsPass {
 public:
  /// Rows of a pass at most.
  static constexpr std::int32_t kMostRows = 2048;
  /// Most rows of one head product: with a large vocabulary its results dominate the work space.
  static constexpr std::int32_t kHeadRows = 64;

  /// `max_rows`: of a pass.
  RowsPass(const Model& model, std::int32_t max_rows);

  std::uint64_t bytes() const { return memory_.bytes(); }
  /// Work space for logits of up to kHeadRows rows, fp32, which is free between passes.
  RowsOf logits() const { return work_.logits; }

  /// Runs the present pass of `plan`, and writes what the caller wants. When it throws, work may still be in the
  /// stream.
  void run(const PassPlan& plan, const KvCache& cache, const ib_forward_params& params);

 private:
  struct Work {
    float* x;
    float* delta;
    RowsOf y;
    RowsOf qkv;
    void* query;
    RowsOf attended;
    RowsOf up;
    RowsOf mlp;
    void* plain;    ///< a quantized matrix as plain rows; null: none is
    RowsOf logits;  ///< fp32
    std::int32_t* ids;
  };
  Work take_work(Arena& arena);

  void upload_lists(const PassPlan& plan);
  void run_layers(const KvCache& cache, bool polls);
  void run_layer(std::int32_t index, const KvCache& cache);
  void write_outputs(const PassPlan& plan, const ib_forward_params& params);
  void multiply(const MatrixShape& shape, const Matrix& matrix, RowsOf x, std::int32_t n, void* y,
                std::int32_t y_stride, Format y_format, bool accumulate);
  void norm(const NormWeights& weights, const std::int32_t* pick, std::int32_t n);
  void project_back(const MatrixShape& shape, const Matrix& matrix, RowsOf x, const NormWeights& post);

  const Model& model_;
  std::int32_t max_rows_;
  DeviceBuffer memory_;
  PassLists lists_;
  Work work_{};
  GraphCache graphs_;
};

}  // namespace inferbench::cuda_backend
