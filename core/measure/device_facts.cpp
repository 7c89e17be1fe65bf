// SPDX-License-Identifier: Apache-2.0
#include "measure/device_facts.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "measure/device_watch.hpp"
#include "measure/nvml.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

using FactsJson = nlohmann::ordered_json;

FactsJson fact(const std::string& text) {
  return text.empty() ? FactsJson(nullptr) : FactsJson(text);
}

template <typename Value>
FactsJson fact(const std::optional<Value>& value) {
  return value ? FactsJson(*value) : FactsJson(nullptr);
}

FactsJson processes_json(const NvmlDevice& device) {
  const auto processes = device.processes();
  if (!processes) return nullptr;
  FactsJson list = FactsJson::array();
  for (const NvmlDevice::Process& process : *processes) {
    list.push_back({{"pid", process.pid}, {"used_bytes", fact(process.used_bytes)}});
  }
  return list;
}

FactsJson facts_of(const Nvml& nvml, const NvmlDevice& device) {
  const auto memory = device.memory();
  const auto reasons = device.clock_reasons();
  return {{"name", fact(device.name())},
          {"uuid", fact(device.uuid())},
          {"pci_bus", fact(device.pci_bus())},
          {"driver", fact(nvml.driver())},
          {"memory_bytes", memory ? FactsJson(memory->total_bytes) : FactsJson(nullptr)},
          {"most_sm_clock_mhz", fact(device.most_sm_clock_mhz())},
          {"power_limit_w", fact(device.power_limit_w())},
          {"ecc", fact(device.ecc())},
          {"mig", fact(device.mig())},
          {"now",
           {{"used_bytes", memory ? FactsJson(memory->used_bytes) : FactsJson(nullptr)},
            {"sm_clock_mhz", fact(device.sm_clock_mhz())},
            {"memory_clock_mhz", fact(device.memory_clock_mhz())},
            {"clock_reasons", reasons ? FactsJson(clock_reasons_text(*reasons)) : FactsJson(nullptr)},
            {"power_w", fact(device.power_w())},
            {"temperature_c", fact(device.temperature_c())},
            {"processes", processes_json(device)}}}};
}

}  // namespace

FactsJson device_facts(const std::vector<std::string>& devices, const CounterPlaces& places) {
  FactsJson all = FactsJson::object();
  for (const std::string& id : devices) {
    try {
      const Nvml nvml(places.nvml);
      all[id] = facts_of(nvml, nvml.device(id, std::getenv("CUDA_VISIBLE_DEVICES")));
    } catch (const Error& error) {
      all[id] = {{"problem", error.what()}};
    }
  }
  return all;
}

}  // namespace inferbench
