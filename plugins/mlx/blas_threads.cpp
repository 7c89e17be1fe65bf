// SPDX-License-Identifier: Apache-2.0
#include "blas_threads.hpp"

#include <dlfcn.h>
#include <mlx/scheduler.h>
#include <mlx/version.h>

#include <atomic>
#include <utility>

namespace inferbench::mlx_backend {
namespace {

// A function of a library that MLX is linked with, by its name in C: MLX does not say which BLAS that is. Null: it
// isn't there.
template <typename Function>
Function* linked_function(const char* name) noexcept {
  static void* const library = [] {
    Dl_info info{};
    const bool found = dladdr(reinterpret_cast<const void*>(&mx::version), &info) != 0 && info.dli_fname != nullptr;
    return found ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
  }();
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library, name));
}

// OpenMP keeps its settings for each thread, so they are set by the stream's own.
template <typename Function>
void run_on(const mx::Stream& stream, Function function) {
  mx::scheduler::enqueue(stream, std::move(function));
  mx::synchronize(stream);
}

}  // namespace

std::int32_t idle_blas_threads() noexcept {
  constexpr int kOwnThreads = 1;  // neither none nor OpenMP's
  auto* const kind = linked_function<int()>("openblas_get_parallel");
  auto* const count = linked_function<int()>("openblas_get_num_threads");
  return kind != nullptr && count != nullptr && kind() == kOwnThreads ? count() - 1 : 0;
}

void set_blas_threads(const mx::Stream& cpu_stream, std::int32_t n) {
  static std::atomic<std::int32_t> present = 0;
  auto* const set = linked_function<void(int)>("openblas_set_num_threads");
  if (set == nullptr || present.exchange(n) == n) return;
  run_on(cpu_stream, [set, n] { set(n); });
}

void end_blas_threads(const mx::Stream& cpu_stream) {
  constexpr int kHard = 2;  // omp_pause_hard
  auto* const pause = linked_function<int(int)>("omp_pause_resource_all");
  if (pause != nullptr) run_on(cpu_stream, [pause] { pause(kHard); });
}

}  // namespace inferbench::mlx_backend
