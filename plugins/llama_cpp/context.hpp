// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ggml-backend.h>
#include <ggml.h>

#include <cstdint>
#include <string>

#include "inferbench/backend.hpp"

namespace inferbench::llama_cpp {

/// The devices of llama.cpp's backends: "cpu" first, then "cuda:0" for its CUDA0, and so on. See ib_backend.devices.
ib_status devices(const ib_device_info** list, std::uint64_t* n_devices, ib_error* error);

/// The host's callbacks, a device, and threads that sleep between calls. Throws Failure.
class Context {
 public:
  explicit Context(const ib_init_params& params);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  const HostCalls host;
  const std::int32_t n_threads;
  ggml_backend_dev_t device() const { return device_; }  ///< null: the CPU
  const std::string& device_name() const { return device_name_; }
  ggml_threadpool_t threads() const { return threads_; }  ///< null if there is only the calling one

 private:
  ggml_backend_dev_t device_ = nullptr;
  std::string device_name_;
  ggml_threadpool_t threads_ = nullptr;
};

}  // namespace inferbench::llama_cpp
