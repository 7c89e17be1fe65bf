// SPDX-License-Identifier: Apache-2.0
#include "http/generation_driver.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "measure/clock.hpp"

namespace inferbench {

GenerationDriver::GenerationDriver(std::function<std::string(std::string_view)> call, std::function<void()> wake)
    : call_(std::move(call)), wake_(std::move(wake)), thread_([this] { run(); }) {}

GenerationDriver::~GenerationDriver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void GenerationDriver::submit(GenerationRequest request) {
  {
    const std::lock_guard lock(mutex_);
    orders_.submit.push_back(std::move(request));
  }
  changed_.notify_one();
}

void GenerationDriver::cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    orders_.cancel.push_back(id);
  }
  changed_.notify_one();
}

std::vector<GenerationEvent> GenerationDriver::take_events() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

std::exception_ptr GenerationDriver::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::uint64_t GenerationDriver::busy_ns() const {
  const std::lock_guard lock(mutex_);
  return call_begin_ns_ == 0 ? 0 : now_ns() - call_begin_ns_;
}

void GenerationDriver::run() {
  try {
    GenerationOrders orders;
    while (wait_for_orders(orders)) note(decode_events(call_(encode_orders(orders))));
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    call_begin_ns_ = 0;
  }
  wake_();
}

// Returns false when it is time to stop.
bool GenerationDriver::wait_for_orders(GenerationOrders& orders) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || open_ > 0 || !orders_.empty(); });
  if (stopping_) return false;
  orders = std::exchange(orders_, {});
  open_ += orders.submit.size();
  call_begin_ns_ = now_ns();
  return true;
}

void GenerationDriver::note(std::vector<GenerationEvent> events) {
  {
    const std::lock_guard lock(mutex_);
    call_begin_ns_ = 0;
    const auto ended = std::count_if(events.begin(), events.end(), [](const auto& event) { return event.ended; });
    open_ -= std::min(open_, static_cast<std::size_t>(ended));
    std::move(events.begin(), events.end(), std::back_inserter(events_));
  }
  if (!events.empty()) wake_();
}

}  // namespace inferbench
