// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include "cuda_call.hpp"
#include "device_list.hpp"

namespace inferbench::cuda_backend {

Context::Context(const ib_init_params& params)
    : host(params.host), device(params.device), index_(device_index(params.device, "cuda:")) {
  int n = 0;
  check(cudaGetDeviceCount(&n), "counting devices");
  if (index_ >= n) {
    throw Failure(IB_UNSUPPORTED, "no device '" + device + "': the driver lists " + std::to_string(n));
  }
  use();
  const auto attribute = [this](cudaDeviceAttr which) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, index_), "reading an attribute of the device");
    return value;
  };
  n_multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  shared_bytes = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  cache_bytes = attribute(cudaDevAttrL2CacheSize);
  const int major = attribute(cudaDevAttrComputeCapabilityMajor);
  if (major < 8) throw Failure(IB_UNSUPPORTED, device + " has a compute capability below 8.0");
  has_bulk_copies = major >= 9;
  has_warpgroup_products = major == 9 && attribute(cudaDevAttrComputeCapabilityMinor) == 0;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
}

Context::~Context() {
  if (cudaSetDevice(index_) != cudaSuccess) return;
  blas.close();
  cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
}

void Context::use() const {
  check(cudaSetDevice(index_), "choosing the device");
}

}  // namespace inferbench::cuda_backend
