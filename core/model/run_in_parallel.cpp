// SPDX-License-Identifier: Apache-2.0
#include "model/run_in_parallel.hpp"

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace inferbench {

void run_in_parallel(std::size_t n, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  const auto take = [&] {
    for (std::size_t i = next++; i < n; i = next++) work(i);
  };
  std::vector<std::jthread> threads;
  try {
    for (unsigned i = 1; i < std::thread::hardware_concurrency() && i < n; ++i) threads.emplace_back(take);
  } catch (const std::system_error&) {
    // Works with fewer threads than cores.
  }
  take();
}

}  // namespace inferbench
