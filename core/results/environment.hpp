// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace inferbench {

/// Everything that could explain a difference between two runs, as one JSON object: CPU (model, flags, cores, caches),
/// memory, kernel, frequency governor, transparent huge pages, compiler, libraries, usable CPUs, load, mitigations,
/// limits of the container and the process, and the environment variables that libraries read. Unknown values are null.
/// `devices` is added if it is not empty: see device_facts.
std::string collect_environment(const nlohmann::ordered_json& devices = nlohmann::ordered_json::object());

}  // namespace inferbench
