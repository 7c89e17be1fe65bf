// SPDX-License-Identifier: Apache-2.0
#include "blas_threads.hpp"

#include <mlx/scheduler.h>
#include <mlx/version.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "inferbench/linked_function.hpp"

namespace inferbench::mlx_backend {
namespace {

// MLX does not say which BLAS it is linked with.
template <typename Function>
Function* function_of_mlx(const char* name) noexcept {
  return linked_function<Function>(reinterpret_cast<const void*>(&mx::version), name);
}

// OpenMP keeps its settings for each thread, so they are set by the stream's own.
template <typename Function>
void run_on(const mx::Stream& stream, Function function) {
  mx::scheduler::enqueue(stream, std::move(function));
  mx::synchronize(stream);
}

}  // namespace

std::int32_t idle_blas_threads() noexcept {
  static const std::int32_t at_start = [] {
    constexpr int kOwnThreads = 1;  // neither none nor OpenMP's
    auto* const kind = function_of_mlx<int()>("openblas_get_parallel");
    auto* const count = function_of_mlx<int()>("openblas_get_num_threads");
    return kind != nullptr && count != nullptr && kind() == kOwnThreads ? count() - 1 : 0;
  }();
  return at_start;
}

void set_blas_threads(const mx::Stream& cpu_stream, std::int32_t n) {
  static std::atomic<std::int32_t> present = 0;
  if (present.exchange(n) == n) return;
  auto* const set = function_of_mlx<void(int)>("openblas_set_num_threads");
  if (set == nullptr) return;
  // It ends no thread before the process ends, so it gets no more than it started with: one a CPU.
  const std::int32_t idle = idle_blas_threads();
  const int most = idle > 0 ? std::min(n, idle + 1) : n;
  run_on(cpu_stream, [set, most] { set(most); });
}

void end_blas_threads(const mx::Stream& cpu_stream) {
  run_on(cpu_stream, [] { end_openmp_threads(reinterpret_cast<const void*>(&mx::version)); });
}

}  // namespace inferbench::mlx_backend
