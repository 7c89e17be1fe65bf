// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "measure/device_watch.hpp"
#include "measure/energy.hpp"
#include "measure/outcome.hpp"
#include "measure/resources.hpp"

namespace inferbench {

/// Measures what a trial uses, from construction on. `counter` must outlive it; `watch` may be null.
class UseMeter {
 public:
  UseMeter(const EnergyCounter& counter, DeviceWatch* watch) : before_(begin(watch)), energy_(counter) {}

  ResourceUse used() const { return read_resource_use() - before_; }

  void put(TrialOutcome& outcome) const {
    EnergyUse energy = energy_.seen();
    outcome.used = used();
    outcome.energy_j = energy.joules;
    outcome.mean_power_w = energy.watts;
    outcome.energy_unknown = std::move(energy.unknown);
  }

 private:
  static ResourceUse begin(DeviceWatch* watch) {
    if (watch != nullptr) watch->begin();
    return read_resource_use();
  }

  ResourceUse before_;
  EnergyMeter energy_;
};

}  // namespace inferbench
