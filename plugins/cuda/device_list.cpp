// SPDX-License-Identifier: Apache-2.0
#include "device_list.hpp"

#include <cuda_runtime_api.h>

#include <string>

namespace inferbench::cuda_backend {
namespace {

constexpr int kLeastMajor = 8;  // the machine code is for sm_80 and later

}  // namespace

void ask_runtime(DeviceAnswer& answer) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    return answer.set_problem("no NVIDIA driver is installed");
  }
  int n = 0;
  const cudaError_t status = cudaGetDeviceCount(&n);
  if (status != cudaSuccess) return answer.set_problem(cudaGetErrorString(status));
  answer.set_problem("the driver lists no NVIDIA GPU");
  for (int i = 0; i < n; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) continue;
    if (properties.major < kLeastMajor) {
      answer.set_problem(std::string(properties.name) + " has compute capability " + std::to_string(properties.major) +
                         "." + std::to_string(properties.minor) + "; " + std::to_string(kLeastMajor) +
                         ".0 is the least");
      continue;
    }
    answer.add("cuda:" + std::to_string(i), properties.name, properties.totalGlobalMem);
  }
}

}  // namespace inferbench::cuda_backend
