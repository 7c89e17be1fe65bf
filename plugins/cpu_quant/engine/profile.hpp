// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::cpu_quant {

/// Records what each thread did; off until started. One event covers all items of an operation that a thread ran one
/// after another.
class Profile {
 public:
  explicit Profile(int n_threads) : threads_(static_cast<std::size_t>(n_threads)) {}

  bool is_on() const { return on_; }
  /// Keeps the first `capacity` events. Throws std::bad_alloc.
  void start(std::uint64_t capacity);
  /// Ends recording; events in order of their beginning.
  void stop();
  const std::vector<ib_profile_event>& events() const { return events_; }
  std::uint64_t n_dropped() const { return n_dropped_; }

  static std::uint64_t now();

  /// Each thread calls with its own number. Extends the thread's last event where operation and layer are the same.
  void add(int thread, const char* operation, std::int32_t layer, std::uint64_t begin_ns, std::uint64_t bytes,
           std::uint64_t flops);

 private:
  struct alignas(128) PerThread {
    std::vector<ib_profile_event> events;
    std::uint64_t n_dropped = 0;
  };
  bool on_ = false;
  std::vector<PerThread> threads_;
  std::vector<ib_profile_event> events_;
  std::uint64_t n_dropped_ = 0;
};

}  // namespace inferbench::cpu_quant
