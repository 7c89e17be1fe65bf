// SPDX-License-Identifier: Apache-2.0
// What libtorch's exceptions mean: their classes are fewer than the ABI's statuses, and differ between versions, so the
// text decides. Needs nothing of libtorch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench::torch_backend {

struct ErrorText {
  ib_status status;
  std::string message;
};

/// The status and the line for the user. Of a GPU without memory, the line keeps libtorch's sentences on how much was
/// wanted and how much is free, and leaves out its advice.
inline ErrorText read_error(const std::string& what) {
  const auto has = [&what](std::string_view part) { return what.find(part) != std::string::npos; };
  if (has("DefaultCPUAllocator") || has("Storage size calculation overflowed")) {
    return {IB_OUT_OF_MEMORY, "out of memory"};
  }
  if (has("CUDA out of memory")) {
    std::size_t end = what.size();
    for (const std::string_view rest : {" Including non-PyTorch memory", " Of the allocated memory", " If reserved",
                                        " Process ", " See documentation"}) {
      end = std::min(end, what.find(rest));
    }
    return {IB_OUT_OF_MEMORY, "out of device memory: " + what.substr(0, end)};
  }
  if (has("CUDA error: out of memory") || has("CUBLAS_STATUS_ALLOC_FAILED")) {
    return {IB_OUT_OF_MEMORY, "out of device memory: " + what.substr(0, what.find('\n'))};
  }
  for (const std::string_view lost : {"illegal memory access", "unspecified launch failure", "launch timed out",
                                      "misaligned address", "illegal instruction", "uncorrectable",
                                      "device-side assert", "hardware stack error", "invalid program counter"}) {
    if (has("CUDA error") && has(lost)) return {IB_DEVICE_LOST, "libtorch: " + what.substr(0, what.find('\n'))};
  }
  const bool unsupported = has("no kernel image is available") || has("driver version is insufficient");
  return {unsupported ? IB_UNSUPPORTED : IB_INTERNAL, "libtorch: " + what};
}

}  // namespace inferbench::torch_backend
