// SPDX-License-Identifier: Apache-2.0
//
// Products of up to some hundred rows, with weights of any 16-bit or quantized format: quantized ones become bfloat16
// on their way from shared memory to the matrix instructions. Launches only; errors are thrown as Failure.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "model_data.hpp"
#include "rows.hpp"
#include "tile_plan.hpp"

namespace inferbench::cuda_backend {

struct TileProduct {
  CUtensorMap x_map;  ///< 16 bits, boxes of cut.rows; zeros behind the inputs up to a multiple of kTileInputs
  CUtensorMap w_map;  ///< of plain weights, boxes of cut.outputs
  MatrixShape shape;
  TileCut cut;
  const void* w;      ///< quantized weights
  const float* bias;  ///< may be null
  std::int32_t rows;  ///< of x
  /// Not activated: fp32 [part][row][outputs], the first part has the bias. Activated: 16 bits [row][intermediate], see
  /// activate_rows; only with a single part.
  RowsOf y;
  std::int64_t part_stride;  ///< values of y
  bool activates;
  bool begins_late;  ///< after all kernels in front, so that kernels behind may read at once what those have written
  Shape model;
  /// Where heads of 64 values go at once, normed and rotated, instead of to y; none if heads.query is null. Only with
  /// tiles of kSharedOutputs in a single part, and a cache of values of x's type.
  HeadsTarget heads;
};

/// Shared memory that the kernels need of a multiprocessor of compute capability 9.0, the only one that has their
/// instructions.
constexpr std::int32_t kTileSharedBytes = 224 << 10;
/// To be called once before the first launch on a device. `values`: of x.
void prepare_tile_products(Format values, Format weights);
void run_tile_product(const TileProduct& product, Format values, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
