// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "measure/counter_places.hpp"

namespace inferbench {

/// What could explain a difference between two runs on these devices ("cuda:0", ...), as one JSON object by device:
/// name, driver, memory, limits of clocks and power, ECC, MIG, and under "now" what changes from minute to minute,
/// other processes among it. Unknown values are null; "problem" says why a device cannot be described.
nlohmann::ordered_json device_facts(const std::vector<std::string>& devices, const CounterPlaces& places);

}  // namespace inferbench
