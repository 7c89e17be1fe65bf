// SPDX-License-Identifier: Apache-2.0
#include "results/node_name.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace inferbench {

std::string node_name() {
  for (const char* variable : {"INFERBENCH_NODE", "SLURMD_NODENAME"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::string node_of(const std::string& environment) {
  const nlohmann::json json = nlohmann::json::parse(environment, nullptr, false);
  const nlohmann::json::json_pointer place("/system/node");
  if (!json.is_object() || !json.contains(place) || !json.at(place).is_string()) return {};
  return json.at(place).get<std::string>();
}

}  // namespace inferbench
