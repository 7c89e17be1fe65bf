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

/// The backend and the precision named by B[:PRECISION]; without a precision, the backend's first.
struct FoundBackend {
  PluginDescription plugin;
  std::string precision;  ///< never empty

  /// "cpu_quant:int8"
  std::string name() const { return plugin.name + ":" + precision; }
};

/// Does not load the backend in this process. Throws Error if there is no such backend or it does not have the
/// precision.
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
