// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "blas_lt.hpp"
#include "inferbench/backend.hpp"

namespace inferbench::cuda_backend {

/// A device and a stream on it. The driver's context of the device stays alive after this one: other contexts of the
/// process may use it.
class Context {
 public:
  /// Throws Failure(IB_UNSUPPORTED) where there is no such device or no driver.
  explicit Context(const ib_init_params& params);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Makes the device the calling thread's. Every entry point does so, since a host may call from another thread.
  void use() const;

  HostCalls host;
  std::string device;  ///< "cuda:0"
  int n_multiprocessors = 0;
  int shared_bytes = 0;                 ///< most that a block may have
  int cache_bytes = 0;                  ///< of the L2 cache
  bool has_bulk_copies = false;         ///< compute capability 9.0 and later
  bool has_warpgroup_products = false;  ///< compute capability 9.0 only
  cudaStream_t stream = nullptr;
  BlasLt blas;

 private:
  int index_ = 0;
};

}  // namespace inferbench::cuda_backend
