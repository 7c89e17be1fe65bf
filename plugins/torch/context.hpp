// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "inferbench/backend.hpp"

namespace inferbench::torch_backend {

/// A device, and the threads that libtorch may use: OpenMP's, for its own loops and for oneDNN's. Its other pools
/// (between operators; that of QNNPACK and XNNPACK) are never started: what is used here does not need them.
class Context {
 public:
  /// Throws Failure(IB_UNSUPPORTED) where there is no such device, and on the CPU where libtorch was built without
  /// oneDNN.
  explicit Context(const ib_init_params& params);
  /// Ends OpenMP's threads.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// OpenMP keeps the number of threads per calling thread, so every entry point sets it again. Not by
  /// at::set_num_threads, which would start the other pool as well, so that there were twice as many threads as told.
  void use_threads() const;

  HostCalls host;
  std::string device_id;  ///< "cpu", "cuda:0"
  c10::Device device;
  const char* kernels;  ///< what computes, as models and operators report it

 private:
  int n_threads_;
};

}  // namespace inferbench::torch_backend
