// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "rows.hpp"

namespace inferbench::cuda_backend {

/// attend_tiles with the instructions of warpgroups: for compute capability 9.0, heads of 64 or 128 values, and keys
/// and values of 16 bits in the cache or all in `expanded`.
void attend_groups(const ModelData& model, const KvCache& cache, const ExpandedCache& expanded,
                   const LayerWeights& layer, std::int32_t layer_index, const RowList& rows, const void* query,
                   RowsOf out, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
