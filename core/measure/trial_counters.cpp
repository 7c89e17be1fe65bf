// SPDX-License-Identifier: Apache-2.0
#include "measure/trial_counters.hpp"

#include <cstdlib>

#include "support/error.hpp"

namespace inferbench {

namespace {

bool is_cpu(const std::string& device) {
  return device.empty() || device == "cpu";
}

NvmlDevice find_device(const std::string& device, const CounterPlaces& places) {
  return Nvml(places.nvml).device(device, std::getenv("CUDA_VISIBLE_DEVICES"));
}

}  // namespace

TrialCounters::TrialCounters(const std::string& device, const CounterPlaces& places) {
  if (is_cpu(device)) {
    energy_ = powercap_counter(places.powercap);
    return;
  }
  try {
    device_ = find_device(device, places);
    memory_.emplace(*device_);
    energy_ = nvml_counter(device, *device_);
  } catch (const Error& error) {
    energy_ = no_counter(device, error.what());
  }
}

void TrialCounters::begin_memory() {
  if (memory_) memory_->begin();
}

void TrialCounters::end_memory() {
  if (memory_) memory_->end();
}

std::unique_ptr<DeviceWatch> TrialCounters::watch() const {
  return device_ ? std::make_unique<DeviceWatch>(*device_) : nullptr;
}

std::optional<DeviceUse> TrialCounters::seen(DeviceWatch* watch) const {
  if (watch == nullptr || !memory_) return std::nullopt;
  return watch->seen(*memory_);
}

EnergyCounter energy_counter(const std::string& device, const CounterPlaces& places) {
  return TrialCounters(device, places).energy();
}

}  // namespace inferbench
