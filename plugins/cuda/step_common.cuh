// SPDX-License-Identifier: Apache-2.0
//
// What the kernels of a decode step share: its producer, its exchange sets and its end.
#pragma once

#include "step.hpp"
#include "step_exchange.cuh"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// Norms are small and not part of the ring: one block has them fetched from memory ahead of their use.
__device__ __forceinline__ void prefetch_norms(const StepArguments& a, const LayerWeights& layer) {
  if (blockIdx.x != gridDim.x - 1) return;
  for (int i = static_cast<int>(threadIdx.x) % kWarp * 32; i < a.model.shape.hidden; i += kWarp * 32) {
    const NormWeights norms[] = {layer.attn_norm, layer.mlp_norm, layer.attn_post_norm, layer.mlp_post_norm};
#pragma unroll
    for (const NormWeights& norm : norms) {
      if (norm.weight != nullptr) prefetch_line(norm.weight + i);
      if (norm.bias != nullptr) prefetch_line(norm.bias + i);
    }
  }
}

/// See step_exchange.cuh.
__device__ __forceinline__ void clear_other_set(const StepArguments& a) {
  auto* words = reinterpret_cast<uint4*>(a.work.exchange[a.set ^ 1]);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * (kStepWarps * kWarp);
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * (kStepWarps * kWarp) + threadIdx.x;
       i < a.words_to_clear / 4; i += step) {
    words[i] = make_uint4(kAbsent, kAbsent, kAbsent, kAbsent);
  }
}

/// The weights of all products, layer by layer: what a block's last warp does.
template <Format kFormat, Format kHeadFormat>
__device__ __forceinline__ void stream_model(const StepArguments& a, RingPlace& ring, ItemTurn& turn,
                                             const LayerWeights* layers) {
  CopiesUnderWay under_way(ring, a.plan.copies_under_way);
  for (int i = 0; i < a.model.shape.n_layers; ++i) {
    const LayerWeights& layer = layers[i];
    prefetch_norms(a, layer);
#pragma unroll 1
    for (int product = 0; product < kLayerProducts; ++product) {
      stream_items<kFormat>(ring, under_way, turn, a.plan.products[product], (&layer.qkv)[product]);
    }
  }
  if (a.wants_head != 0) stream_items<kHeadFormat>(ring, under_way, turn, a.plan.products[kHead], a.model.head);
}

/// The argmax over all blocks, of rows of which neighbouring 1 << `shift` lanes have one each; the last block hands the
/// ids to the host. `best`: of this thread's logits, of row `n`.
__device__ __forceinline__ void finish_head(const StepArguments& a, unsigned long long best, int n, int shift) {
  for (int offset = 1 << shift; offset < kWarp; offset *= 2) {
    best = max(best, __shfl_xor_sync(kAllLanes, best, offset));
  }
  const bool is_first = threadIdx.x % kWarp < 1U << shift;
  if (is_first && n < a.n_rows && best != 0) atomicMax(a.work.best + n, best);
  __threadfence();
  sync_consumers();
  if (threadIdx.x == 0 && atomicAdd(a.work.finished, 1U) == gridDim.x - 1) {
    __threadfence();
    *a.work.finished = 0;
    for (int i = 0; i < a.n_rows; ++i) {
      // Where the host has all ids, it may begin the next step.
      *static_cast<volatile std::int32_t*>(a.work.ids + i) = argmax_index(atomicExch(a.work.best + i, 0ULL));
    }
  }
}

}  // namespace inferbench::cuda_backend
