// SPDX-License-Identifier: Apache-2.0
// What differs between libtorch with CUDA and without it: cuda_device.cpp or no_cuda_device.cpp is compiled.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

#include "inferbench/backend.h"

namespace inferbench::torch_backend {

/// Whether this library was built with libtorch's CUDA half.
extern const bool kHasCuda;

/// The ABI's `devices`: "cpu", then the GPUs. Null without CUDA.
using ListDevices = ib_status (*)(const ib_device_info**, std::uint64_t*, ib_error*);
extern const ListDevices kListDevices;

/// The device of the ABI's name for it. Throws Failure(IB_UNSUPPORTED) where there is no such device.
c10::Device device_named(const char* id);

/// Bytes of a GPU's memory, by libtorch's caching allocator.
struct DeviceUse {
  std::uint64_t held = 0;       ///< taken from the driver, whether tensors use it or not
  std::uint64_t used = 0;       ///< by tensors
  std::uint64_t most_used = 0;  ///< since forget_most_used
};
DeviceUse device_use(c10::Device device);
void forget_most_used(c10::Device device);

/// Gives what the allocator holds, but no tensor uses, back to the driver.
void release_unused(c10::Device device) noexcept;

/// A first member with this returns the memory of all members after it.
struct ReleaseAtEnd {
  explicit ReleaseAtEnd(c10::Device the_device) : device(the_device) {}
  ~ReleaseAtEnd() { release_unused(device); }
  ReleaseAtEnd(const ReleaseAtEnd&) = delete;
  ReleaseAtEnd& operator=(const ReleaseAtEnd&) = delete;

  c10::Device device;
};

}  // namespace inferbench::torch_backend
