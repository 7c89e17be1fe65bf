// SPDX-License-Identifier: Apache-2.0
#include "engine/profile.hpp"

#include <time.h>

#include <algorithm>

namespace inferbench::cpu_quant {

void Profile::start(std::uint64_t capacity) {
  on_ = false;
  events_.clear();
  n_dropped_ = 0;
  // Each thread may need it all: which one works how much is not known. Untouched memory costs nothing.
  for (PerThread& thread : threads_) {
    thread.events = {};
    thread.events.reserve(capacity);
    thread.n_dropped = 0;
  }
  events_.reserve(capacity);
  on_ = true;
}

void Profile::stop() {
  if (!on_) return;
  on_ = false;
  const std::size_t capacity = events_.capacity();
  std::vector<ib_profile_event> all;
  for (PerThread& thread : threads_) {
    all.insert(all.end(), thread.events.begin(), thread.events.end());
    n_dropped_ += thread.n_dropped;
    thread.events = {};
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const ib_profile_event& a, const ib_profile_event& b) { return a.begin_ns < b.begin_ns; });
  if (all.size() > capacity) {
    n_dropped_ += all.size() - capacity;
    all.resize(capacity);
  }
  events_ = std::move(all);
}

std::uint64_t Profile::now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

void Profile::add(int thread, const char* operation, std::int32_t layer, std::uint64_t begin_ns, std::uint64_t bytes,
                  std::uint64_t flops) {
  PerThread& mine = threads_[static_cast<std::size_t>(thread)];
  if (!mine.events.empty()) {
    ib_profile_event& last = mine.events.back();
    if (last.operation == operation && last.layer == layer) {
      last.end_ns = now();
      last.bytes += bytes;
      last.flops += flops;
      return;
    }
  }
  if (mine.events.size() == mine.events.capacity()) {
    ++mine.n_dropped;
    return;
  }
  mine.events.push_back({operation, layer, thread, begin_ns, now(), bytes, flops});
}

}  // namespace inferbench::cpu_quant
