// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "plugin/backend.hpp"
#include "plugin/plugin_path.hpp"

namespace inferbench {

/// What the options of a command say about how a backend is loaded.
struct BackendArguments {
  std::vector<std::string> options;  ///< KEY=VALUE
  std::int32_t threads = 1;
  std::vector<std::filesystem::path> plugin_dirs;
};

/// The backend that B[:PRECISION] names and the precision, the backend's first where none is given.
struct FoundBackend {
  PluginDescription plugin;
  std::string precision;  ///< never empty

  /// "cpu_quant:int8"
  std::string name() const { return plugin.name + ":" + precision; }
};

/// Loads nothing here. Throws Error where there is no such backend, or it has no such precision.
FoundBackend find_backend(const std::string& reference, const std::vector<std::filesystem::path>& plugin_dirs);

/// Also checks the options against the backend's schema. Throws Error.
FoundBackend find_backend(const std::string& reference, const BackendArguments& settings);

/// Builds the model in the backend, in this process: only in a child (see BackendChild). Throws Error, BackendError.
BackendModel load_backend(const FoundBackend& found, const BackendArguments& settings, const Weights& weights,
                          HostCallbacks callbacks = {});

/// Warnings of the backend, and, where that is a terminal now, how far loading is: on stderr.
HostCallbacks terminal_callbacks();

}  // namespace inferbench
