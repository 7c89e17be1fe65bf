// SPDX-License-Identifier: Apache-2.0
#include "run/device_state.hpp"

#include <algorithm>

#include "measure/trial_counters.hpp"

namespace inferbench {

std::vector<std::string> devices_of(const Experiment& experiment) {
  std::vector<std::string> devices;
  for (const Contender& contender : experiment.contenders) {
    if (!on_device(contender)) continue;
    if (std::find(devices.begin(), devices.end(), contender.device) == devices.end()) {
      devices.push_back(contender.device);
    }
  }
  return devices;
}

std::vector<IdlePower> idle_power_for_run(const Experiment& experiment, const CounterPlaces& places) {
  std::vector<EnergyCounter> counters;
  if (std::any_of(experiment.contenders.begin(), experiment.contenders.end(), on_host_cpus)) {
    counters.push_back(energy_counter("cpu", places));
  }
  for (const std::string& device : devices_of(experiment)) counters.push_back(energy_counter(device, places));
  return measure_idle_power(counters);
}

}  // namespace inferbench
