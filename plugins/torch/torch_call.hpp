// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include "inferbench/backend.hpp"

namespace inferbench::torch_backend {

/// libtorch's exception as one of this project (see error_text.hpp).
Failure failure_of(const c10::Error& error);

/// Waits for all work of the calling thread on the device; nothing to wait for on the CPU. Throws c10::Error.
void synchronize(c10::Device device);

/// When a call ends, nothing of it is left in the device's queue: the ABI wants that after errors too.
class IdleAtEnd {
 public:
  explicit IdleAtEnd(c10::Device device) : device_(device) {}
  ~IdleAtEnd();
  IdleAtEnd(const IdleAtEnd&) = delete;
  IdleAtEnd& operator=(const IdleAtEnd&) = delete;

 private:
  c10::Device device_;
};

/// Runs `function` as inference (no autograd) on the device, waits for the device, and turns libtorch's exceptions into
/// Failure.
template <typename Function>
void in_torch(c10::Device device, Function&& function) {
  try {
    const c10::InferenceMode inference;
    c10::OptionalDeviceGuard guard;
    if (!device.is_cpu()) guard.reset_device(device);
    const IdleAtEnd idle(device);
    function();
    synchronize(device);
  } catch (const c10::Error& error) {
    throw failure_of(error);
  }
}

}  // namespace inferbench::torch_backend
