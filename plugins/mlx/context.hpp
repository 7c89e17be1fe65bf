// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/device.h>
#include <mlx/stream.h>

#include <cstdint>
#include <string>

#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// "cpu", and "gpu" where this MLX has one. See ib_backend.devices.
ib_status devices(const ib_device_info** list, std::uint64_t* n_devices, ib_error* error);

/// The host's callbacks, a device, and the stream that computes on it. Throws Failure.
class Context {
 public:
  explicit Context(const ib_init_params& params);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  const HostCalls host;
  bool is_gpu() const { return device_name_ != "cpu"; }
  const std::string& device_name() const { return device_name_; }
  const std::string& kernels() const { return kernels_; }

  /// MLX keeps the default device and stream for each thread, and its BLAS one number of threads for all contexts:
  /// every entry point sets them.
  void use_stream() const;

 private:
  std::string device_name_;
  std::string kernels_;
  std::int32_t n_threads_;
  mx::Stream stream_;
};

}  // namespace inferbench::mlx_backend
