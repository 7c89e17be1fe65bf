// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace inferbench::cpu_ref {

/// The calling thread and n_threads - 1 workers. A worker that has nothing to do spins for some tens of microseconds
/// (the next operation of a forward call comes sooner), then sleeps. One caller at a time.
class ThreadPool {
 public:
  explicit ThreadPool(int n_threads);
  ~ThreadPool();  ///< joins
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(item, thread) for each item of [0, n_items) and returns when all are done; `thread` is 0 to
  /// n_threads - 1. Each thread takes the items of its own contiguous range in order, so that neighbouring items are
  /// neighbours in time, then steals what is left of the other ranges. `body` must not throw.
  template <class Body>
  void parallel_for(std::int64_t n_items, const Body& body) {
    if (n_items == 1 || workers_.empty()) {  // not worth a barrier
      for (std::int64_t i = 0; i < n_items; ++i) body(i, 0);
      return;
    }
    run(
        n_items, [](const void* b, std::int64_t item, int thread) { (*static_cast<const Body*>(b))(item, thread); },
        &body);
  }

 private:
  using Call = void (*)(const void* body, std::int64_t item, int thread);

  /// A contiguous range of the items, which one thread begins with.
  struct alignas(64) WorkRange {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };

  void run(std::int64_t n_items, Call call, const void* body);
  void take_items(int thread);
  void work(int thread);
  void wait_for_job(std::uint32_t seen);
  void stop();

  // The job: written by the caller before it raises job_, read by the workers after they see it.
  Call call_ = nullptr;
  const void* body_ = nullptr;
  std::unique_ptr<WorkRange[]> ranges_;  // one per thread
  bool stopping_ = false;

  alignas(64) std::atomic<std::uint32_t> job_{0};
  std::atomic<int> sleepers_{0};
  alignas(64) std::atomic<int> busy_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace inferbench::cpu_ref
