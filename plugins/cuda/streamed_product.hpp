// SPDX-License-Identifier: Apache-2.0
//
// Products of up to 64 rows with 16-bit weights, bound by the memory that the weights come from.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "model_data.hpp"
#include "product_cut.hpp"

namespace inferbench::cuda_backend {

enum class ProductResult : std::int32_t {
  kParts,      ///< y fp32 [part][row][outputs]; the first part has the bias
  kActivated,  ///< y 16 bits [row][intermediate]: see activate_rows; only uncut
  kLogits,     ///< y fp32 [row][outputs], capped, or null; and ids; only uncut, in tiles of 128 rows
};

struct StreamedProduct {
  CUtensorMap w;  ///< boxes of cut.tile_rows
  CUtensorMap x;  ///< boxes of kStreamedRows
  ProductCut cut;
  const float* bias;  ///< may be null
  void* y;
  std::int32_t y_stride;
  std::int64_t part_stride;  ///< values of y
  std::int32_t first_row;    ///< of x
  std::int32_t rows;
  std::int32_t outputs;  ///< rows of w
  ProductResult result;
  Shape shape;  ///< of the model
  // Of kLogits:
  unsigned long long* best;  ///< [row]: argmax keys, 0 before and after
  unsigned* finished;        ///< blocks that have finished, 0 before and after
  std::int32_t* ids;         ///< [row], memory of the host
};

/// To be called once before the first launch on a device. Throws Failure.
void prepare_streamed_products(Format values);
/// Throws Failure. `n_blocks`: multiprocessors.
void run_streamed_product(const StreamedProduct& product, Format values, std::int32_t n_blocks, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
