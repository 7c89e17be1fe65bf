// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <dlfcn.h>
#include <ggml-cpu.h>
#include <llama.h>

#include <cctype>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <vector>

#include "inferbench/linked_function.hpp"
#include "log.hpp"

namespace inferbench::llama_cpp {
namespace {

// A llama.cpp whose backends are libraries of their own finds them beside the program or in the current folder. Those
// that were installed with it are beside its own library.
void load_backends() {
  if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr) return;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&llama_backend_init), &info) == 0 || info.dli_fname == nullptr) return;
  ggml_backend_load_all_from_path(std::filesystem::path(info.dli_fname).parent_path().c_str());
}

void start_llama_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    capture_log();
    load_backends();
    llama_backend_init();
  });
}

// "cuda:0" of "CUDA0".
std::string id_of(std::string_view name) {
  std::string id;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isdigit(byte) != 0 && !id.empty() && std::isdigit(static_cast<unsigned char>(id.back())) == 0) id += ':';
    id += std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '_';
  }
  return id;
}

struct Device {
  ggml_backend_dev_t handle;
  std::string id;
};

// Besides the CPU.
const std::vector<Device>& accelerators() {
  static const std::vector<Device> list = [] {
    std::vector<Device> found;
    for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
      ggml_backend_dev_t device = ggml_backend_dev_get(i);
      if (ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_GPU) continue;
      found.push_back({device, id_of(ggml_backend_dev_name(device))});
    }
    return found;
  }();
  return list;
}

// Of the CPU backend, which may be in a library of its own.
template <typename Function>
Function* cpu_function(const char* name) {
  ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (cpu == nullptr) throw Failure(IB_UNSUPPORTED, "llama.cpp has no CPU backend for this machine beside its library");
  void* const found = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), name);
  if (found == nullptr) throw Failure(IB_UNSUPPORTED, std::string("llama.cpp's CPU backend has no ") + name);
  return reinterpret_cast<Function*>(found);
}

}  // namespace

ib_status devices(const ib_device_info** list, std::uint64_t* n_devices, ib_error* error) {
  return guard(error, [&] {
    start_llama_once();
    static const std::vector<ib_device_info> infos = [] {
      std::vector<ib_device_info> all = {{"cpu", "CPU", 0}};
      for (const Device& device : accelerators()) {
        std::size_t free = 0;
        std::size_t total = 0;
        ggml_backend_dev_memory(device.handle, &free, &total);
        all.push_back({device.id.c_str(), ggml_backend_dev_description(device.handle), total});
      }
      return all;
    }();
    *list = infos.data();
    *n_devices = infos.size();
  });
}

Context::Context(const ib_init_params& params)
    : host(params.host), n_threads(params.n_threads), device_name_(params.device) {
  start_llama_once();
  if (device_name_ != "cpu") {
    for (const Device& device : accelerators()) {
      if (device.id == device_name_) device_ = device.handle;
    }
    if (device_ == nullptr)
      throw Failure(IB_UNSUPPORTED, "no device '" + device_name_ + "' in this build of llama.cpp");
  }
  if (n_threads == 1) return;
  ggml_threadpool_params settings = ggml_threadpool_params_default(n_threads);
  settings.poll = 0;  // no thread works on when a call has returned: not even by spinning
  threads_ = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new")(&settings);
  if (threads_ == nullptr) throw Failure(IB_OUT_OF_MEMORY, "llama.cpp cannot start its threads");
}

Context::~Context() {
  if (threads_ == nullptr) return;
  auto* const free_threads = cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free");
  free_threads(threads_);
  end_openmp_threads(reinterpret_cast<const void*>(free_threads));  // which a build with OpenMP computes with
}

}  // namespace inferbench::llama_cpp
