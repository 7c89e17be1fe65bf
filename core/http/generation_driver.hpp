// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/generation.hpp"

namespace inferbench {

/// Where a server sends its requests.
class Generator {
 public:
  Generator() = default;
  virtual ~Generator() = default;
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  virtual void submit(GenerationRequest request) = 0;
  /// The request ends at the next step. It still gets its last event.
  virtual void cancel(RequestId id) = 0;
};

/// Keeps a GenerationWorker in another process busy, from a thread of its own: one call is one step. A call that is
/// under way can't be interrupted, so orders that come meanwhile go with the next one. All functions may be called by
/// any thread.
class GenerationDriver final : public Generator {
 public:
  /// `call`: GenerationWorker::step in the other process. `wake` is called by the driver's thread after events or a
  /// failure. Starts the thread.
  GenerationDriver(std::function<std::string(std::string_view orders)> call, std::function<void()> wake);
  /// Waits for the present call.
  ~GenerationDriver() override;

  void submit(GenerationRequest request) override;
  void cancel(RequestId id) override;

  /// The events since the last time.
  std::vector<GenerationEvent> take_events();
  /// Why the other process can't be used any more; nullptr: it can. Then no more events come.
  std::exception_ptr failure() const;
  /// Nanoseconds since the present call began; 0: there is none.
  std::uint64_t busy_ns() const;

 private:
  void run();
  bool wait_for_orders(GenerationOrders& orders);
  void note(std::vector<GenerationEvent> events);

  std::function<std::string(std::string_view)> call_;
  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  GenerationOrders orders_;
  std::vector<GenerationEvent> events_;
  std::exception_ptr failure_;
  std::size_t open_ = 0;  ///< requests that have been sent and have not ended
  std::uint64_t call_begin_ns_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace inferbench
