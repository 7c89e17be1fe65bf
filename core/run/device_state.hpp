// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "measure/counter_places.hpp"
#include "measure/energy.hpp"

namespace inferbench {

/// The devices of the experiment's contenders, each once; not the CPUs.
std::vector<std::string> devices_of(const Experiment& experiment);

/// The idle power of the CPUs and of each of these devices, in the order of their contenders. Waits about a second if
/// there is a counter.
std::vector<IdlePower> idle_power_for_run(const Experiment& experiment, const CounterPlaces& places);

}  // namespace inferbench
