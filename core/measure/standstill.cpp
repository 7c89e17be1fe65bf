// SPDX-License-Identifier: Apache-2.0
#include "measure/standstill.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "measure/clock.hpp"

namespace inferbench {

namespace {

constexpr std::uint64_t kBeatNs = 100'000'000;
// On a quiet machine a wake-up is late by less than 1 ms; a timer tick is at most 10 ms.
constexpr std::uint64_t kLateNs = 25'000'000;
// Small enough for memory limits, large enough for the thread-local data of big libraries.
constexpr std::size_t kStackBytes = 256U << 10U;

// A stall is one long gap: it affects the slowest tokens long before it moves a mean by a percent.
constexpr double kStallShare = 0.005;
constexpr double kLeastStallMs = 25;
// The two clocks are not read at the same instant.
constexpr double kLeastSuspendMs = 1;

// Nanoseconds that the calling thread has waited for a CPU since its start; 0 if the kernel does not say. Must not
// allocate: in a new thread that would create a heap arena.
std::uint64_t own_run_delay_ns() {
  const int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 128> text{};
  const ssize_t n = read(file, text.data(), text.size() - 1);
  close(file);
  if (n <= 0) return 0;
  char* end = nullptr;
  std::strtoull(text.data(), &end, 10);  // skips the time on a CPU
  return std::strtoull(end, nullptr, 10);
}

// Total time for which the machine has been suspended since boot.
std::optional<std::int64_t> asleep_ns() {
  timespec boot{};
  timespec awake{};
  if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0 || clock_gettime(CLOCK_MONOTONIC, &awake) != 0) return std::nullopt;
  return (boot.tv_sec - awake.tv_sec) * 1'000'000'000 + (boot.tv_nsec - awake.tv_nsec);
}

bool is_traced() {
  std::ifstream status("/proc/self/status");
  std::string key;
  while (status >> key) {
    if (key == "TracerPid:") break;
  }
  int pid = 0;
  return status >> pid && pid != 0;
}

}  // namespace

std::vector<std::string> find_standstills(const Standstill& seen, double wall_s) {
  std::vector<std::string> found;
  if (seen.stopped) found.emplace_back("a signal stopped the process");
  if (seen.stalled_ms && *seen.stalled_ms > std::max(kLeastStallMs, kStallShare * 1000 * wall_s)) {
    found.push_back(fmt::format("the process stalled for {:.0f} ms", *seen.stalled_ms));
  }
  if (seen.suspended_ms && *seen.suspended_ms > kLeastSuspendMs) {
    found.push_back(fmt::format("the machine was suspended for {:.1f} s", *seen.suspended_ms * 1e-3));
  }
  if (seen.traced) found.emplace_back("a debugger or tracer was attached");
  return found;
}

struct StandstillWatch::Thread {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;           ///< guarded by mutex
  std::uint64_t late_ns = 0;    ///< written by the thread, read after joining it
  std::uint64_t waited_ns = 0;  ///< like late_ns
  std::atomic<std::int32_t> id{0};
  pthread_t handle{};

  bool start() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // signals must go to the threads that existed before
    const bool started = pthread_create(&handle, &attributes, &Thread::enter, this) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    if (!started) return false;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return id.load() != 0; });
    return true;
  }

  void end() {
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    changed.notify_all();
    pthread_join(handle, nullptr);
  }

 private:
  static void* enter(void* self) {
    static_cast<Thread*>(self)->watch();
    return nullptr;
  }

  void watch() {
    using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, like now_ns()
    std::unique_lock lock(mutex);
    id = static_cast<std::int32_t>(syscall(SYS_gettid));
    changed.notify_all();
    const std::uint64_t waited_before = own_run_delay_ns();
    while (!ended) {
      const std::uint64_t due = now_ns() + kBeatNs;
      changed.wait_until(lock, Clock::time_point(std::chrono::nanoseconds(due)));
      const std::uint64_t now = now_ns();
      if (now > due + kLateNs) late_ns += now - due;
    }
    waited_ns = own_run_delay_ns() - waited_before;
  }
};

StandstillWatch::StandstillWatch() : thread_(std::make_unique<Thread>()), asleep_ns_(asleep_ns()) {
  if (!thread_->start()) thread_.reset();
}

StandstillWatch::~StandstillWatch() {
  if (thread_) thread_->end();
}

std::int32_t StandstillWatch::thread_id() const {
  return thread_ ? thread_->id.load() : 0;
}

Standstill StandstillWatch::seen() {
  Standstill seen;
  if (thread_) {
    thread_->end();
    seen.stalled_ms = static_cast<double>(thread_->late_ns - std::min(thread_->late_ns, thread_->waited_ns)) * 1e-6;
    thread_.reset();
  }
  const auto asleep = asleep_ns();
  if (asleep && asleep_ns_) seen.suspended_ms = std::max(0.0, static_cast<double>(*asleep - *asleep_ns_) * 1e-6);
  seen.traced = is_traced();
  return seen;
}

}  // namespace inferbench
