// SPDX-License-Identifier: Apache-2.0
#include "measure/device_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "measure/nvml_abi.hpp"

namespace inferbench {

namespace {

// Asking takes tens of microseconds, so this is too rare to slow a trial down.
constexpr std::chrono::milliseconds kDevicePeriod(100);
constexpr std::uint64_t kUsePeriodUs = 1'000'000;

struct Reason {
  std::uint64_t bit;
  const char* text;
  bool is_protection;
};
// A power limit is no disturbance: the device has it in every trial, and a contender that needs more power meets it.
constexpr std::array<Reason, 5> kReasons{{{nvml::kReasonThermalSoftware, "heat", true},
                                          {nvml::kReasonThermalHardware, "heat (hardware)", true},
                                          {nvml::kReasonHardware, "hardware slowdown", true},
                                          {nvml::kReasonPowerBrake, "external power brake", true},
                                          {nvml::kReasonPowerCap, "power limit", false}}};

// A device's clock rises within milliseconds of the first work.
constexpr double kLeastClockS = 0.1;
constexpr double kSlowClock = 0.9;
constexpr double kOtherUsePercent = 2;

std::uint64_t realtime_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

void keep_most(std::optional<std::uint64_t>& most, std::optional<std::uint64_t> value) {
  if (value) most = std::max(most.value_or(0), *value);
}

}  // namespace

std::string clock_reasons_text(std::uint64_t reasons) {
  std::string text;
  for (const Reason& reason : kReasons) {
    if ((reasons & reason.bit) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", reason.text);
  }
  return text;
}

DeviceMemory::DeviceMemory(NvmlDevice device) : device_(std::move(device)) {}

void DeviceMemory::begin() {
  const auto memory = device_.memory();
  before_bytes_ = memory ? std::optional(static_cast<std::int64_t>(memory->used_bytes)) : std::nullopt;
}

void DeviceMemory::end() {
  const auto memory = device_.memory();
  if (!memory || !before_bytes_ || !own_bytes_) {
    own_bytes_.reset();
    return;
  }
  own_bytes_ = *own_bytes_ + static_cast<std::int64_t>(memory->used_bytes) - *before_bytes_;
}

std::optional<std::uint64_t> DeviceMemory::peak(std::optional<std::uint64_t> device_bytes) const {
  if (!own_bytes_ || !before_bytes_ || !device_bytes) return std::nullopt;
  const std::int64_t own = *own_bytes_ + static_cast<std::int64_t>(*device_bytes) - *before_bytes_;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(own, 0));
}

struct DeviceWatch::Shared {
  explicit Shared(NvmlDevice watched) : device(std::move(watched)) {}

  // Asks without the lock: the driver may take its time.
  void sample() {
    const auto memory = device.memory();
    const auto clock = device.sm_clock_mhz();
    const auto temperature = device.temperature_c();
    const auto reasons = device.clock_reasons();
    const std::lock_guard lock(mutex);
    if (!counting) return;
    ++use.samples;
    keep_most(most_used, memory ? std::optional(memory->used_bytes) : std::nullopt);
    if (clock) use.clock_mhz = std::min(use.clock_mhz.value_or(*clock), *clock);
    if (temperature) use.temperature_c = std::max(use.temperature_c.value_or(*temperature), *temperature);
    all_reasons |= reasons.value_or(0);
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, kDevicePeriod, [this] { return ended; })) {
      if (!counting) continue;
      lock.unlock();
      sample();
      lock.lock();
    }
  }

  void end_thread() {
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    wake.notify_all();
    if (thread.joinable()) thread.join();
  }

  NvmlDevice device;
  std::mutex mutex;
  std::condition_variable wake;
  bool ended = false;
  bool counting = false;
  DeviceUse use;
  std::optional<std::uint64_t> most_used;
  std::uint64_t all_reasons = 0;
  std::uint64_t begin_us = 0;
  std::thread thread;
};

DeviceWatch::DeviceWatch(NvmlDevice device) : shared_(std::make_unique<Shared>(std::move(device))) {
  shared_->thread = std::thread([shared = shared_.get()] { shared->run(); });
}

DeviceWatch::~DeviceWatch() {
  shared_->end_thread();
}

void DeviceWatch::begin() {
  shared_->begin_us = realtime_us();
  const std::lock_guard lock(shared_->mutex);
  shared_->counting = true;
}

DeviceUse DeviceWatch::seen(const DeviceMemory& memory) {
  shared_->end_thread();
  shared_->sample();
  DeviceUse use = shared_->use;
  use.peak_bytes = memory.peak(shared_->most_used);
  use.slowed_by = clock_reasons_text(shared_->all_reasons);
  use.overheated = std::any_of(kReasons.begin(), kReasons.end(), [this](const Reason& reason) {
    return reason.is_protection && (shared_->all_reasons & reason.bit) != 0;
  });
  if (const auto uses = shared_->device.uses(shared_->begin_us)) {
    use.other_use_percent = other_use(*uses, shared_->begin_us);
  }
  return use;
}

std::optional<double> other_use(const std::vector<NvmlDevice::Use>& uses, std::uint64_t begin_us) {
  std::map<std::uint64_t, std::vector<double>> by_time;
  for (const NvmlDevice::Use& use : uses) {
    if (use.at_us >= begin_us + kUsePeriodUs) by_time[use.at_us].push_back(use.sm_percent);
  }
  if (by_time.empty()) return std::nullopt;
  // This process is the busiest: it has work for the device at all times.
  double most = 0;
  for (const auto& [at, percents] : by_time) {
    double sum = 0;
    for (const double percent : percents) sum += percent;
    most = std::max(most, sum - *std::max_element(percents.begin(), percents.end()));
  }
  return most;
}

std::string find_device_disturbance(const DeviceUse& use, double wall_s, double fastest_mhz) {
  std::vector<std::string> found;
  if (use.overheated) found.push_back(fmt::format("the device lowered its clocks: {}", use.slowed_by));
  const bool has_reason = !use.slowed_by.empty();
  if (!has_reason && use.clock_mhz && wall_s >= kLeastClockS && *use.clock_mhz < kSlowClock * fastest_mhz) {
    found.push_back(fmt::format("the device ran at {:.0f} MHz, earlier at {:.0f}", *use.clock_mhz, fastest_mhz));
  }
  if (use.other_use_percent && *use.other_use_percent > kOtherUsePercent) {
    found.push_back(fmt::format("another process used {:.0f}% of the device", *use.other_use_percent));
  }
  return fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace inferbench
