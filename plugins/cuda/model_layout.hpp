// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "device_memory.hpp"
#include "inferbench/backend.hpp"
#include "model_data.hpp"

namespace inferbench::cuda_backend {

/// Largest head that the attention kernels take.
constexpr std::int32_t kMostHeadDim = 256;

/// The sizes of a description. Throws Failure(IB_UNSUPPORTED) for a norm, an activation or a head size that is unknown.
Shape shape_of(const ib_model_desc& desc);

/// Throws Failure(IB_UNSUPPORTED) for a precision that is unknown.
Format format_of(std::string_view precision);
/// Of activations, embeddings and, unless it is kInt8, the KV cache beside weights of `format`.
Format values_of(Format format);
/// Of the head beside linear layers of `format`: int4 is too coarse for it.
Format head_format_of(Format format);

Products products_of(const Shape& shape, Format format);

/// What a KV cache of `positions` (of all slots together) takes in `format`.
struct CacheBytes {
  std::uint64_t data;
  std::uint64_t scales;  ///< of kInt8
};
CacheBytes cache_bytes(const Shape& shape, Format format, std::int64_t positions);

/// Where all weights lie in one allocation. With an arena without memory, all pointers are null and only its size is
/// counted. `layers` of `data` is taken from the arena; its contents are returned in `layers`.
struct ModelLayout {
  ModelData data{};
  std::vector<LayerWeights> layers;
};
ModelLayout lay_out(const ib_model_desc& desc, Format format, Arena& arena);

/// Weight bytes that a decode step of one sequence reads.
std::uint64_t step_bytes(const ib_model_desc& desc, const ModelData& data);

}  // namespace inferbench::cuda_backend
