// SPDX-License-Identifier: Apache-2.0
//
// The kernels of passes with any number of rows, one operation each. Launches only; errors are thrown as Failure.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "blas_lt.hpp"
#include "list_places.hpp"
#include "model_data.hpp"

namespace inferbench::cuda_backend {

/// What the rows of a pass are: arrays in device memory.
struct RowList {
  std::int32_t* tokens;
  std::int32_t* positions;
  std::int32_t* slots;
  std::int32_t* single_rows;  ///< rows that attend one by one
  QueryTile* tiles;           ///< the others
  CodedContext* contexts;     ///< of the tiles that have `expanded`
  std::int32_t* output_rows;
  std::int32_t n_rows;
  std::int32_t n_single;
  std::int32_t n_tiles;
  std::int32_t n_contexts;
  std::int32_t tile_queries;  ///< kMostTileQueries, half of that, or kFewestTileQueries of attend_short
  bool all_expanded;          ///< all tiles are
};

/// A matrix of rows in device memory.
struct RowsOf {
  void* data;
  std::int32_t stride;  ///< values
  bool is_float;        ///< fp32, whatever the model's values are
};

/// x [n_rows][hidden_stride] fp32 = embeddings.
void embed_rows(const ModelData& model, const RowList& rows, float* x, cudaStream_t stream);

/// y row i = norm of x row `pick[i]` (null: i), with zeros behind it; n rows.
void norm_rows(const ModelData& model, const NormWeights& norm, const float* x, const std::int32_t* pick, RowsOf y,
               std::int32_t n, cudaStream_t stream);
/// x += norm of delta.
void add_normed_rows(const ModelData& model, const NormWeights& norm, const float* delta, float* x, std::int32_t n,
                     cudaStream_t stream);

/// Queries, keys and values of rows, `part_stride` values from part to part; the parts are to be added up. Several
/// parts are fp32.
struct QkvParts {
  RowsOf rows;
  std::int32_t parts;
  std::int64_t part_stride;
};

/// Where the heads of rows go: queries, scaled, to `query` [n_rows][n_heads][head_stride], keys and values to the
/// cache.
struct HeadsTarget {
  KvCache cache;
  LayerWeights layer;
  RowList rows;
  void* query;
  std::int32_t layer_index;
};

/// Norms and rotates the heads in qkv: queries, scaled, to `query` [n_rows][n_heads][head_stride], keys and values to
/// the cache.
void store_heads(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                 const RowList& rows, const QkvParts& qkv, void* query, cudaStream_t stream);

/// Whether attention by tiles takes this model. `shared_bytes`: most that a block may have.
bool has_tiled_attention(const ModelData& model, std::int32_t shared_bytes);
/// How many queries a tile has in a pass of `n_rows`.
std::int32_t tile_queries(const ModelData& model, std::int32_t n_rows, std::int32_t n_multiprocessors);
/// Fills `expanded` with the contexts of `rows`.
void expand_cache(const ModelData& model, const KvCache& cache, const ExpandedCache& expanded,
                  const LayerWeights& layer, std::int32_t layer_index, const RowList& rows, cudaStream_t stream);
/// Attention of rows.single_rows and rows.tiles: out [n_rows][n_heads * head_dim].
void attend_rows(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                 const RowList& rows, const void* query, RowsOf out, cudaStream_t stream);
void attend_tiles(const ModelData& model, const KvCache& cache, const ExpandedCache& expanded,
                  const LayerWeights& layer, std::int32_t layer_index, const RowList& rows, const void* query,
                  RowsOf out, cudaStream_t stream);

/// mlp = activation(up), or activation(gate) * up where gated (interleaved as gated_row says).
void activate_rows(const ModelData& model, RowsOf up, RowsOf mlp, std::int32_t n, cudaStream_t stream);

/// A quantized matrix as plain bfloat16 rows of padded_inputs.
void dequantize(const MatrixShape& shape, const void* from, void* to, cudaStream_t stream);

/// Products by the backend's own kernels. The inputs count with their padding, which is zero.
void run_product(const Product& product, cudaStream_t stream);

/// What the argmax of rows needs: zeros before and after.
struct ArgmaxWork {
  unsigned long long* best;  ///< [n]
  unsigned* finished;        ///< [n]
};
/// logits [n][vocab], rows `stride` apart: soft cap in place; ids[i], where not null, the argmax of row i. `ids`:
/// memory that the device can write.
void finish_logits(const ModelData& model, float* logits, std::int32_t stride, std::int32_t n, std::int32_t* ids,
                   const ArgmaxWork& work, cudaStream_t stream);

/// Cosines and sines of all positions: see KvCache. `frequencies` [n_tables][half], `scales` [n_tables], device memory.
void fill_rotation(float2* rotation, const double* frequencies, const double* scales, std::int32_t n_tables,
                   std::int32_t max_tokens, std::int32_t half, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
