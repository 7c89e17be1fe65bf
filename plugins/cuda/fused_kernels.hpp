// SPDX-License-Identifier: Apache-2.0
//
// The kernels of a fused pass, apart from its products. Launches only; errors are thrown as Failure.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "model_data.hpp"
#include "rows.hpp"

namespace inferbench::cuda_backend {

/// Hidden sizes up to this.
constexpr std::int32_t kMostFusedHidden = 4096;

/// What products add to the residual stream: `n` parts [row][hidden_stride], `stride` floats apart; perhaps none.
struct DeltaParts {
  const float* data;
  std::int32_t n;
  std::int64_t stride;
};

/// Begins a pass: copies its lists from the host's memory, `n_list` integers, to the places that `rows` points to. x =
/// embeddings, y = their norm.
void begin_rows(const ModelData& model, const std::int32_t* host_lists, std::size_t n_list, const RowList& rows,
                const NormWeights& norm, float* x, RowsOf y, cudaStream_t stream);

/// x += delta, normed by `post` where its weight is not null; y = norm of x, with zeros behind it. With `pick`, y row i
/// is of x row pick[i], and x stays as it is; `n` rows of y.
void add_and_norm_rows(const ModelData& model, const DeltaParts& delta, const NormWeights& post,
                       const NormWeights& norm, const std::int32_t* pick, float* x, RowsOf y, std::int32_t n,
                       cudaStream_t stream);

/// Attention where each row is the newest token of its own sequence: store_heads and attend_rows in one kernel.
void attend_newest(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                   const RowList& rows, const QkvParts& qkv, RowsOf out, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
