// SPDX-License-Identifier: Apache-2.0
//
// A decode step in one launch: the kernel, and which one a model needs. step_block.cuh has what it does.
#include <type_traits>

#include "cuda_call.hpp"
#include "step.hpp"
#include "step_block.cuh"
#include "step_family_block.cuh"

namespace inferbench::cuda_backend {
namespace {

template <typename T, typename Cached, Format kFormat, Format kHead, int kVectors, bool kOneRow, StepFamily kFamily>
using StepOf = std::conditional_t<kFamily == StepFamily::kAny, Step<T, Cached, kFormat, kHead, kVectors, kOneRow>,
                                  FamilyStep<T, kFormat, kHead, kVectors, kFamily>>;

template <typename T, typename Cached, Format kFormat, Format kHead, int kVectors, bool kOneRow, StepFamily kFamily>
__global__ void __launch_bounds__(kStepThreads, 1) step_kernel(const __grid_constant__ StepArguments a) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) std::byte shared[];
  const auto* from = reinterpret_cast<const std::uint32_t*>(a.model.layers);
  auto* to = reinterpret_cast<std::uint32_t*>(shared + a.plan.layers_at);
  const int words = a.model.shape.n_layers * static_cast<int>(sizeof(LayerWeights) / sizeof(std::uint32_t));
  for (int i = static_cast<int>(threadIdx.x); i < words; i += kStepThreads) to[i] = from[i];
  if (threadIdx.x == 0) {
    RingPlace(shared, a.plan).init();
    LayerWeights& head = reinterpret_cast<LayerWeights*>(to)[a.model.shape.n_layers];
    head.qkv = a.model.head;
    head.attn_norm = a.model.final_norm;
  }
  __syncthreads();
  StepOf<T, Cached, kFormat, kHead, kVectors, kOneRow, kFamily> step(a, shared);
  if (threadIdx.x / kWarp == kStepWarps) {
    step.produce();
  } else {
    step.consume();
  }
#endif
}

template <bool kIsCoded, int kVectors, bool kOneRow, StepFamily kFamily = StepFamily::kAny, typename Use>
void with_format(Format format, Use use) {
  const auto use_of = [&]<typename T, Format kFormat, Format kHeadFormat>() {
    using Cached = std::conditional_t<kIsCoded, std::int8_t, T>;
    return use(step_kernel<T, Cached, kFormat, kHeadFormat, kVectors, kOneRow, kFamily>);
  };
  switch (format) {
    case Format::kF16:
      return use_of.template operator()<__half, Format::kF16, Format::kF16>();
    case Format::kInt8:
      return use_of.template operator()<__nv_bfloat16, Format::kInt8, Format::kInt8>();
    case Format::kInt4:
      return use_of.template operator()<__nv_bfloat16, Format::kInt4, Format::kInt8>();
    default:
      return use_of.template operator()<__nv_bfloat16, Format::kBf16, Format::kBf16>();
  }
}

template <bool kIsCoded, typename Use>
void with_general_kernel(Format format, const StepPlan& plan, Use use) {
  constexpr int kMost = kMostStepHidden / kStepVector;
  const bool one_row = plan.max_rows == 1;
  switch (plan.vectors) {
    case 1:
      return with_format<kIsCoded, 1, true>(format, use);
    case 2:
      return one_row ? with_format<kIsCoded, 2, true>(format, use) : with_format<kIsCoded, 2, false>(format, use);
    default:
      return one_row ? with_format<kIsCoded, kMost, true>(format, use)
                     : with_format<kIsCoded, kMost, false>(format, use);
  }
}

template <StepFamily kFamily, typename Use>
void with_family_kernel(Format format, const StepPlan& plan, Use use) {
  return plan.vectors == 1 ? with_format<false, 1, true, kFamily>(format, use)
                           : with_format<false, 2, true, kFamily>(format, use);
}

/// The kernel for one row, or for several; those of a family have no codes in their cache.
template <typename Use>
void with_kernel(Format format, const KvCache& cache, const StepPlan& plan, Use use) {
  switch (plan.family) {
    case StepFamily::kGpt:
      return with_family_kernel<StepFamily::kGpt>(format, plan, use);
    case StepFamily::kLlama:
      return with_family_kernel<StepFamily::kLlama>(format, plan, use);
    default:
      return cache.scales != nullptr ? with_general_kernel<true>(format, plan, use)
                                     : with_general_kernel<false>(format, plan, use);
  }
}

}  // namespace

void prepare_step(const ModelData& model, const KvCache& cache, const StepPlan& plan) {
  with_kernel(model.format, cache, plan, [&](auto kernel) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, plan.shared_bytes),
          "giving the step's kernel its shared memory");
  });
}

void launch_step(const StepArguments& arguments, std::int32_t n_blocks, cudaStream_t stream) {
  with_kernel(arguments.model.format, arguments.cache, arguments.plan, [&](auto kernel) {
    void* parameters[] = {const_cast<StepArguments*>(&arguments)};
    check(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel), dim3(static_cast<unsigned>(n_blocks)),
                                      dim3(kStepThreads), parameters,
                                      static_cast<std::size_t>(arguments.plan.shared_bytes), stream),
          "launching a step");
  });
}

}  // namespace inferbench::cuda_backend
