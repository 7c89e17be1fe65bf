// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <mlx/utils.h>
#include <mlx/version.h>

#include <variant>
#include <vector>

#include "blas_threads.hpp"

namespace inferbench::mlx_backend {
namespace {

constexpr const char* kGpu = "gpu";

mx::Device device_named(const std::string& name) {
  return mx::Device(name == kGpu ? mx::Device::gpu : mx::Device::cpu);
}

// A stream that any thread may use. In versions before 0.30, any stream was one.
template <typename Device>
mx::Stream shared_stream(const Device& device) {
  if constexpr (requires { new_thread_unsafe_stream(device); }) {
    return new_thread_unsafe_stream(device);
  } else {
    return new_stream(device);
  }
}

// The thread of a stream lives as long as the process, so all contexts of a device share one.
const mx::Stream& stream_of(const std::string& device_name) {
  if (device_name == kGpu) {
    static const mx::Stream gpu = shared_stream(device_named(kGpu));
    return gpu;
  }
  static const mx::Stream cpu = shared_stream(device_named("cpu"));
  return cpu;
}

// What a GPU is called, and its memory in bytes. Older versions tell neither.
template <typename Device>
void describe(const Device& device, std::string& name, std::uint64_t& memory) {
  if constexpr (requires { device_info(device); }) {
    const auto& info = device_info(device);
    if (const auto found = info.find("device_name"); found != info.end()) name = std::get<std::string>(found->second);
    for (const char* key : {"total_memory", "memory_size"}) {
      if (const auto found = info.find(key); found != info.end()) memory = std::get<std::size_t>(found->second);
    }
  }
}

bool has_gpu() {
  return mx::is_available(device_named(kGpu));
}

}  // namespace

ib_status devices(const ib_device_info** list, std::uint64_t* n_devices, ib_error* error) {
  return guard(error, [&] {
    static std::string gpu_name = "GPU";
    static const std::vector<ib_device_info> infos = [] {
      std::vector<ib_device_info> all = {{"cpu", "CPU", 0}};
      if (!has_gpu()) return all;
      std::uint64_t memory = 0;
      describe(device_named(kGpu), gpu_name, memory);
      all.push_back({kGpu, gpu_name.c_str(), memory});
      return all;
    }();
    *list = infos.data();
    *n_devices = infos.size();
  });
}

Context::Context(const ib_init_params& params)
    : host(params.host),
      device_name_(params.device),
      kernels_(std::string("MLX ") + mx::version()),
      n_threads_(params.n_threads),
      stream_(0, mx::Device(mx::Device::cpu)) {
  if (is_gpu() && (device_name_ != kGpu || !has_gpu())) {
    throw Failure(IB_UNSUPPORTED, "no device '" + device_name_ + "' in this build of MLX");
  }
  in_mlx([&] { stream_ = stream_of(device_name_); });
}

Context::~Context() {
  try {
    if (!is_gpu()) end_blas_threads(stream_);
  } catch (const std::exception&) {  // an error that the stream kept was reported by the call that caused it
  }
}

void Context::use_stream() const {
  mx::set_default_device(stream_.device);
  mx::set_default_stream(stream_);
  if (!is_gpu()) set_blas_threads(stream_, n_threads_);
}

}  // namespace inferbench::mlx_backend
