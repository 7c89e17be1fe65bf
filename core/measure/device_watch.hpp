// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "measure/nvml.hpp"

namespace inferbench {

/// A device during one trial. Absent: the driver does not say.
struct DeviceUse {
  std::int32_t samples = 0;                 ///< how often the driver was asked, ten times per second and at the end
  std::optional<std::uint64_t> peak_bytes;  ///< most memory that this process held, the driver's context included
  std::optional<double> clock_mhz;          ///< lowest clock of the multiprocessors
  std::optional<double> temperature_c;      ///< highest
  std::string slowed_by;                    ///< why the clocks were lower than they could be; empty: nothing
  bool overheated = false;                  ///< heat, or the hardware's protection, was a reason
  std::optional<double> other_use_percent;  ///< most that other processes kept it busy; absent for short trials, too
};

/// The reasons of nvml::kReason... as text, such as "heat, power limit"; empty if it is none of those.
std::string clock_reasons_text(std::uint64_t reasons);

/// The memory that this process holds on a device, from the changes of the device's memory while only this process was
/// active: inside a container, the driver may not tell which process is this one.
class DeviceMemory {
 public:
  explicit DeviceMemory(NvmlDevice device);

  /// Call before and after everything in which this process takes or frees memory.
  void begin();
  void end();

  /// The most that this process holds if the device's memory in use was at most `device_bytes` since begin().
  std::optional<std::uint64_t> peak(std::optional<std::uint64_t> device_bytes) const;

 private:
  NvmlDevice device_;
  std::optional<std::int64_t> own_bytes_ = 0;
  std::optional<std::int64_t> before_bytes_;
};

/// Watches a device from construction until `seen`, in a thread that inherits the CPUs of the constructing one.
class DeviceWatch {
 public:
  explicit DeviceWatch(NvmlDevice device);
  ~DeviceWatch();
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;

  /// Samples from now on count.
  void begin();

  /// Call once, with the memory that had begun before the trial.
  DeviceUse seen(const DeviceMemory& memory);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

/// The percentage by which processes other than the busiest one used a device after `begin_us` (CLOCK_REALTIME). Each
/// use covers up to a second before its time, so uses that may have begun earlier are left out; nullopt if none is
/// left.
std::optional<double> other_use(const std::vector<NvmlDevice::Use>& uses, std::uint64_t begin_us);

/// Why the trial's times are not those of a quiet device, as one line; empty if there is no sign of that. `wall_s`: of
/// the measured part; `fastest_mhz`: highest clock_mhz of the run so far, 0: none.
std::string find_device_disturbance(const DeviceUse& use, double wall_s, double fastest_mhz);

}  // namespace inferbench
