// SPDX-License-Identifier: Apache-2.0
#include "torch_call.hpp"

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "error_text.hpp"

namespace inferbench::torch_backend {

Failure failure_of(const c10::Error& error) {
  const ErrorText text = read_error(error.what_without_backtrace());
  return {text.status, text.message};
}

void synchronize(c10::Device device) {
  if (device.is_cpu()) return;
  c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
}

IdleAtEnd::~IdleAtEnd() {
  try {
    synchronize(device_);
  } catch (...) {
    // Whoever asks the device next will hear of it.
  }
}

}  // namespace inferbench::torch_backend
