// SPDX-License-Identifier: Apache-2.0
#include "device_memory.hpp"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <string>

#include "cuda_call.hpp"

namespace inferbench::cuda_backend {
namespace {

std::string mebibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1U << 20U));
  return text;
}

}  // namespace

DeviceBuffer::DeviceBuffer(std::uint64_t bytes, const char* what) : bytes_(bytes) {
  if (bytes == 0) return;
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    std::size_t free = 0;
    std::size_t total = 0;
    cudaMemGetInfo(&free, &total);
    throw Failure(IB_OUT_OF_MEMORY, std::string("out of device memory: ") + what + " wants " + mebibytes(bytes) + ", " +
                                        mebibytes(free) + " of " + mebibytes(total) + " are free");
  }
  check(status, "cudaMalloc");
  data_ = static_cast<std::byte*>(data);
  // cudaMemset returns before it is done, and the streams of this backend do not wait for the default stream.
  cudaError_t cleared = cudaMemset(data_, 0, bytes);
  if (cleared == cudaSuccess) cleared = cudaStreamSynchronize(nullptr);
  if (cleared != cudaSuccess) {
    cudaFree(data_);
    check(cleared, "clearing memory");
  }
}

DeviceBuffer::~DeviceBuffer() {
  if (data_ != nullptr) cudaFree(data_);
}

HostBuffer::HostBuffer(std::uint64_t bytes) {
  check(cudaHostAlloc(&data_, bytes, cudaHostAllocMapped), "cudaHostAlloc");
}

HostBuffer::~HostBuffer() {
  if (data_ != nullptr) cudaFreeHost(data_);
}

}  // namespace inferbench::cuda_backend
