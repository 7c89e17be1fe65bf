// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <string>

#include "inferbench/backend.hpp"

namespace inferbench::torch_backend {

/// Runs `function` as inference (no autograd), and turns libtorch's exceptions into Failure: IB_OUT_OF_MEMORY where its
/// allocator gave up, else IB_INTERNAL, without the backtrace.
template <typename Function>
void in_torch(Function&& function) {
  try {
    const c10::InferenceMode inference;
    function();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    const bool no_memory = what.find("DefaultCPUAllocator") != std::string::npos ||
                           what.find("Storage size calculation overflowed") != std::string::npos;
    throw Failure(no_memory ? IB_OUT_OF_MEMORY : IB_INTERNAL, no_memory ? "out of memory" : "libtorch: " + what);
  }
}

}  // namespace inferbench::torch_backend
