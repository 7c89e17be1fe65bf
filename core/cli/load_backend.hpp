// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "plugin/backend.hpp"
#include "plugin/plugin_path.hpp"

namespace inferbench {

/// The options of a command that affect how a backend is loaded.
struct BackendArguments {
  std::vector<std::string> options;  ///< KEY=VALUE
  std::int32_t threads = 1;
  std::vector<std::filesystem::path> plugin_dirs;
};

/// What B[:PRECISION][@DEVICE] names; without a precision, the backend's first.
struct FoundBackend {
  PluginDescription plugin;
  std::string precision;  ///< never empty
  std::string device;     ///< empty: the backend's first

  /// "cpu_quant:int8" or, with a device, "torch:bf16@cuda:0"
  std::string name() const { return plugin.name + ":" + precision + (device.empty() ? "" : "@" + device); }
};

/// Does not load the backend in this process. Throws Error if there is no such backend or it does not have the
/// precision or the device.
FoundBackend find_backend(const std::string& reference, const std::vector<std::filesystem::path>& plugin_dirs);

/// Also checks the options against the backend's schema. Throws Error.
FoundBackend find_backend(const std::string& reference, const BackendArguments& settings);

/// Builds the model in the backend, in this process, so call it only in a child (see BackendChild). Throws Error,
/// BackendError.
BackendModel load_backend(const FoundBackend& found, const BackendArguments& settings, const Weights& weights,
                          HostCallbacks callbacks = {});

/// Shows the backend's warnings and, if stderr is a terminal now, the loading progress on stderr.
HostCallbacks terminal_callbacks();

}  // namespace inferbench
