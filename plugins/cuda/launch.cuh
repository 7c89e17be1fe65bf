// SPDX-License-Identifier: Apache-2.0
//
// Launches that begin before the kernel in front of them has ended, so that a launch takes no time of its own. What a
// kernel reads or writes that another kernel of the pass has written or reads must come after wait_for_predecessors().
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "cuda_call.hpp"

namespace inferbench::cuda_backend {

/// Waits for the end of all kernels before this one, and for what they have written.
__device__ __forceinline__ void wait_for_predecessors() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the next kernel begin, as soon as all blocks of this one have said so.
__device__ __forceinline__ void let_successor_begin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Brings memory to L2. Address and size: multiples of 16 bytes.
__device__ __forceinline__ void prefetch_bulk(const void* from, int bytes) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(from), "r"(bytes) : "memory");
#endif
}

/// When a kernel may begin: while the one in front of it still runs, or not.
enum class Begin { kEarly, kLate };

template <typename... Parameters, typename... Arguments>
void launch_kernel(Begin begin, const char* what, void (*kernel)(Parameters...), dim3 grid, unsigned threads,
                   std::size_t bytes, cudaStream_t stream, Arguments&&... arguments) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = begin == Begin::kEarly ? 1 : 0;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), what);
}

/// Every kernel of a chain that is launched so must call wait_for_predecessors(): the next one only waits for it.
template <typename... Parameters, typename... Arguments>
void launch_early(const char* what, void (*kernel)(Parameters...), dim3 grid, unsigned threads, std::size_t bytes,
                  cudaStream_t stream, Arguments&&... arguments) {
  launch_kernel(Begin::kEarly, what, kernel, grid, threads, bytes, stream, std::forward<Arguments>(arguments)...);
}

}  // namespace inferbench::cuda_backend
