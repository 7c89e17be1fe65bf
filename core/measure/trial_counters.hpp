// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "measure/counter_places.hpp"
#include "measure/device_watch.hpp"
#include "measure/energy.hpp"

namespace inferbench {

/// The counters of what one loaded contender computes on. For the CPUs this is their energy alone: other modules watch
/// their memory and what disturbs them.
class TrialCounters {
 public:
  /// `device`: such as "cuda:0"; empty or "cpu": the CPUs.
  TrialCounters(const std::string& device, const CounterPlaces& places);

  /// Call before and after everything that changes the memory of this process on the device.
  void begin_memory();
  void end_memory();

  /// Null for the CPUs and for a device that its driver does not show.
  std::unique_ptr<DeviceWatch> watch() const;

  /// Ends the watch; absent if it is null.
  std::optional<DeviceUse> seen(DeviceWatch* watch) const;

  const EnergyCounter& energy() const { return energy_; }

 private:
  std::optional<NvmlDevice> device_;
  std::optional<DeviceMemory> memory_;
  EnergyCounter energy_;
};

/// The energy counter of a device, or of the CPUs.
EnergyCounter energy_counter(const std::string& device, const CounterPlaces& places);

}  // namespace inferbench
