// SPDX-License-Identifier: Apache-2.0
// device.hpp for a libtorch without CUDA.
#include <string>

#include "device.hpp"
#include "inferbench/backend_failure.hpp"

namespace inferbench::torch_backend {

const bool kHasCuda = false;
const ListDevices kListDevices = nullptr;

c10::Device device_named(const char* id) {
  if (std::string(id) == "cpu") return c10::kCPU;
  throw Failure(IB_UNSUPPORTED,
                "no device '" + std::string(id) + "', only 'cpu': this libtorch was built without CUDA");
}

DeviceUse device_use(c10::Device /*device*/) {
  return {};
}

void forget_most_used(c10::Device /*device*/) {}

void release_unused(c10::Device /*device*/) noexcept {}

}  // namespace inferbench::torch_backend
