// SPDX-License-Identifier: Apache-2.0
// device.hpp for a libtorch with CUDA.
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>

#include <string>
#include <string_view>

#include "device.hpp"
#include "inferbench/device_list.hpp"

namespace inferbench::torch_backend {
namespace {

constexpr std::string_view kPrefix = "cuda:";
constexpr std::size_t kAllPools = 0;  // the place of the sum in the allocator's statistics

// A machine without a GPU still has the CPU, so what the driver says then is of no interest here.
void ask_for_devices(DeviceAnswer& answer) {
  answer.add("cpu", "CPU", 0);
  int n = 0;
  if (cudaGetDeviceCount(&n) != cudaSuccess) return;
  for (int i = 0; i < n; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) continue;
    answer.add(std::string(kPrefix) + std::to_string(i), properties.name, properties.totalGlobalMem);
  }
}

std::uint64_t unsigned_of(std::int64_t bytes) {
  return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

}  // namespace

const bool kHasCuda = true;
const ListDevices kListDevices = list_devices_of_child<ask_for_devices>;

c10::Device device_named(const char* id) {
  const std::string_view name = id;
  if (name == "cpu") return c10::kCPU;
  if (!name.starts_with(kPrefix)) {
    throw Failure(IB_UNSUPPORTED, "no device '" + std::string(name) + "', only cpu, cuda:0, cuda:1, ...");
  }
  const int index = device_index(name, kPrefix);
  int n = 0;
  const cudaError_t status = cudaGetDeviceCount(&n);
  if (status != cudaSuccess) {
    cudaGetLastError();
    throw Failure(IB_UNSUPPORTED, std::string("no CUDA device: ") + cudaGetErrorString(status));
  }
  if (index >= n) {
    throw Failure(IB_UNSUPPORTED, "no device '" + std::string(name) + "': the driver lists " + std::to_string(n));
  }
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

DeviceUse device_use(c10::Device device) {
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  const auto& used = stats.allocated_bytes[kAllPools];
  return {unsigned_of(stats.reserved_bytes[kAllPools].current), unsigned_of(used.current), unsigned_of(used.peak)};
}

void forget_most_used(c10::Device device) {
  c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
}

void release_unused(c10::Device device) noexcept {
  if (!device.is_cuda()) return;
  try {
    c10::cuda::CUDACachingAllocator::emptyCache();
  } catch (...) {
    // The device is lost, and its memory with it.
  }
}

}  // namespace inferbench::torch_backend
