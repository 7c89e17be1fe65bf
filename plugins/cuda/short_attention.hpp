// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "rows.hpp"

namespace inferbench::cuda_backend {

/// Passes of at most this many rows, and sequences of at most this many positions at their ends, are faster with it.
constexpr std::int32_t kMostShortRows = 256;

/// Whether attend_short takes this model with a cache of its values.
bool has_short_attention(const ModelData& model);
/// Attention of rows.tiles of up to kFewestTileQueries queries, for few keys: out [n_rows][n_heads * head_dim].
void attend_short(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                  const RowList& rows, const void* query, RowsOf out, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
