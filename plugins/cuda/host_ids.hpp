// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "device_memory.hpp"

namespace inferbench::cuda_backend {

/// Greedy ids that a kernel writes to the host's memory as the last thing that it does. The host waits for the ids
/// themselves: on an H200 it has them 2 us earlier than it learns that the stream is idle.
class HostIds {
 public:
  HostIds() = default;
  explicit HostIds(std::int32_t most);

  /// Takes the first `n` back, before the kernel that writes them is launched.
  void expect(std::int32_t n);
  /// Returns when the first `n` are there. `stream` is the kernel's. Throws Failure if it fails, or ends without
  /// writing them.
  void await(std::int32_t n, cudaStream_t stream) const;

  std::int32_t* data() const { return memory_.as<std::int32_t>(); }  ///< for the device, and for the host after await

 private:
  HostBuffer memory_;
};

}  // namespace inferbench::cuda_backend
