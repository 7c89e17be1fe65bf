// SPDX-License-Identifier: Apache-2.0
#include "thread_pool.hpp"

#include <immintrin.h>

namespace inferbench::cpu_ref {
namespace {

constexpr int kSpins = 2000;  // some tens of microseconds

}  // namespace

ThreadPool::ThreadPool(int n_threads) : ranges_(new WorkRange[static_cast<std::size_t>(n_threads)]) {
  workers_.reserve(static_cast<std::size_t>(n_threads - 1));
  try {
    for (int thread = 1; thread < n_threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop();
}

void ThreadPool::stop() {
  stopping_ = true;
  job_.fetch_add(1);
  { const std::lock_guard lock(mutex_); }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void ThreadPool::run(std::int64_t n_items, Call call, const void* body) {
  call_ = call;
  body_ = body;
  const std::int64_t n = n_threads();
  for (std::int64_t t = 0; t < n; ++t) {
    ranges_[static_cast<std::size_t>(t)].next.store(n_items * t / n, std::memory_order_relaxed);
    ranges_[static_cast<std::size_t>(t)].end = n_items * (t + 1) / n;
  }
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  // Either a worker that goes to sleep sees the new job, or this sees the sleeper: both sides write, then read, in the
  // one order of sequential consistency.
  job_.fetch_add(1);
  if (sleepers_.load() > 0) {
    { const std::lock_guard lock(mutex_); }
    wake_.notify_all();
  }
  take_items(0);
  for (int spin = 0; busy_.load(std::memory_order_acquire) > 0; ++spin) {
    if (spin < kSpins) {
      _mm_pause();
    } else {
      std::this_thread::yield();  // a worker lost its CPU
    }
  }
}

void ThreadPool::take_items(int thread) {
  const int n = n_threads();
  for (int t = 0; t < n; ++t) {
    WorkRange& range = ranges_[static_cast<std::size_t>((thread + t) % n)];
    for (;;) {
      const std::int64_t item = range.next.fetch_add(1, std::memory_order_relaxed);
      if (item >= range.end) break;
      call_(body_, item, thread);
    }
  }
}

void ThreadPool::work(int thread) {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_for_job(seen);
    if (stopping_) return;
    take_items(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadPool::wait_for_job(std::uint32_t seen) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (job_.load(std::memory_order_acquire) != seen) return;
    _mm_pause();
  }
  std::unique_lock lock(mutex_);
  sleepers_.fetch_add(1);
  wake_.wait(lock, [&] { return job_.load() != seen; });
  sleepers_.fetch_sub(1);
}

}  // namespace inferbench::cpu_ref
