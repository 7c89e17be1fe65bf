// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measure/machine_limits.hpp"
#include "plugin/description.hpp"
#include "plugin/plugin_path.hpp"

namespace inferbench {

/// Whether the backend can measure the limits of this device (inferbench.device_probe.v1).
bool can_probe(const PluginDescription& plugin, const std::string& device);

/// The first backend of the folders that can. Throws Error that lists the devices that can be measured.
PluginDescription find_probe(const PluginPath& plugins, const std::string& device);

/// Measures the limits of a device in a child process, in a few seconds. Buffers that the device has no room for, and
/// probes that it has not, are left out (their rates are 0). Throws Error, BackendError.
DeviceLimits measure_device(const PluginDescription& plugin, const std::string& device,
                            const std::vector<std::uint64_t>& buffer_bytes);

}  // namespace inferbench
