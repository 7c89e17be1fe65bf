// SPDX-License-Identifier: Apache-2.0
#include "run/device_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "inferbench/device_probe.h"
#include "plugin/backend.hpp"
#include "plugin/backend_child.hpp"
#include "plugin/plugin.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

constexpr int kProbeRuns = 5;
constexpr std::uint64_t kCopiedBytes = std::uint64_t{64} << 20U;

const ib_device_probe_ext& probe_table(const Plugin& plugin) {
  const auto* table = static_cast<const ib_device_probe_ext*>(plugin.extension(IB_EXT_DEVICE_PROBE_V1));
  if (table == nullptr || !IB_HAS(ib_device_probe_ext, table, run) || table->run == nullptr) {
    throw BackendError(IB_UNSUPPORTED, fmt::format("backend {} cannot measure a device's limits ({})", plugin.name(),
                                                   IB_EXT_DEVICE_PROBE_V1));
  }
  return *table;
}

class DeviceProbe {
 public:
  DeviceProbe(const Plugin& plugin, const std::string& device)
      : context_(plugin, 1, {}, device), table_(probe_table(plugin)) {}

  /// Zeros if the device lacks the probe, or has no room for the buffer.
  MeasuredRate rate(std::int32_t probe, std::uint64_t bytes = 0) const {
    MeasuredRate measured;
    std::vector<double> rates;
    for (int i = 0; i < kProbeRuns; ++i) {
      double rate = 0;
      const char* how = nullptr;
      try {
        context_.call("device probe",
                      [&](ib_error& error) { return table_.run(context_.get(), probe, bytes, &rate, &how, &error); });
      } catch (const BackendError& error) {
        if (error.status() == IB_UNSUPPORTED || error.status() == IB_OUT_OF_MEMORY) return {};
        throw;
      }
      if (!std::isfinite(rate) || rate <= 0) throw BackendError(IB_INTERNAL, "a device probe has no rate above 0");
      rates.push_back(rate);
      if (rate == *std::max_element(rates.begin(), rates.end())) measured.how = how == nullptr ? "" : one_line(how);
    }
    std::sort(rates.begin(), rates.end());
    measured.best = rates.back();
    measured.median = rates[rates.size() / 2];
    return measured;
  }

 private:
  BackendContext context_;
  const ib_device_probe_ext& table_;
};

DeviceLimits measure_here(const std::filesystem::path& library, const std::string& device,
                          const std::vector<std::uint64_t>& buffer_bytes) {
  const DeviceProbe probe(Plugin::load(library), device);
  DeviceLimits limits;
  limits.device = device;
  for (const std::uint64_t bytes : buffer_bytes) {
    const MeasuredRate rate = probe.rate(IB_PROBE_READ, bytes);
    if (rate.best > 0) limits.read.push_back({bytes, rate});
  }
  limits.fp32_flops_per_s = probe.rate(IB_PROBE_FP32);
  limits.bf16_flops_per_s = probe.rate(IB_PROBE_BF16);
  limits.int8_ops_per_s = probe.rate(IB_PROBE_INT8);
  limits.launches_per_s = probe.rate(IB_PROBE_LAUNCH);
  limits.round_trips_per_s = probe.rate(IB_PROBE_ROUND_TRIP);
  limits.to_device_bytes_per_s = probe.rate(IB_PROBE_TO_DEVICE, kCopiedBytes);
  limits.from_device_bytes_per_s = probe.rate(IB_PROBE_FROM_DEVICE, kCopiedBytes);
  limits.cache_bytes = static_cast<std::uint64_t>(probe.rate(IB_PROBE_CACHE).best);
  return limits;
}

}  // namespace

bool can_probe(const PluginDescription& plugin, const std::string& device) {
  const auto& extensions = plugin.extensions;
  return std::find(extensions.begin(), extensions.end(), IB_EXT_DEVICE_PROBE_V1) != extensions.end() &&
         std::any_of(plugin.devices.begin(), plugin.devices.end(),
                     [&](const DeviceDescription& known) { return known.id == device; });
}

PluginDescription find_probe(const PluginPath& plugins, const std::string& device) {
  std::optional<PluginDescription> found;
  std::vector<std::string> known;
  std::string problem;
  plugins.list([&](const FoundPlugin& one) {
    if (!one.plugin || !one.shadowed_by.empty()) return;
    if (!found && can_probe(*one.plugin, device)) found = one.plugin;
    for (const DeviceDescription& other : one.plugin->devices) {
      if (can_probe(*one.plugin, other.id)) known.push_back(other.id);
    }
    if (!one.plugin->device_problem.empty()) {
      problem = fmt::format("; {}: {}", one.plugin->name, one_line(one.plugin->device_problem));
    }
  });
  if (found) return *found;
  throw Error(fmt::format("no backend can measure the device '{}'; {}{}", one_line(device),
                          suggestion(device, "devices", known), known.empty() ? problem : ""),
              "without --device, the limits of the CPUs are measured; inferbench backends lists devices");
}

DeviceLimits measure_device(const PluginDescription& plugin, const std::string& device,
                            const std::vector<std::uint64_t>& buffer_bytes) {
  const auto work = [&] { return to_json(measure_here(plugin.path, device, buffer_bytes)).dump(); };
  const std::string answer = answer_of_child(work, "backend " + plugin.name, "measuring the device");
  DeviceLimits limits = device_limits_from_json(nlohmann::ordered_json::parse(answer));
  for (const DeviceDescription& known : plugin.devices) {
    if (known.id == device) limits.name = known.name;
  }
  return limits;
}

}  // namespace inferbench
