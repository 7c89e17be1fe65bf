// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "plugin/backend.hpp"

namespace inferbench {

/// A model in a backend, as --backend B[:PRECISION] named it.
struct LoadedBackend {
  BackendModel model;
  std::string precision;  ///< never empty

  /// "cpu_quant:int8"
  std::string name() const;
};

/// What the options of a command say about how a backend is loaded.
struct BackendArguments {
  std::vector<std::string> options;  ///< KEY=VALUE
  std::int32_t threads = 1;
  std::vector<std::filesystem::path> plugin_dirs;
};

/// Finds the backend that `reference` (B[:PRECISION]) names and builds the model in it. Throws Error, also where it has
/// no such precision or option; BackendError.
LoadedBackend load_backend(const std::string& reference, const BackendArguments& settings, const Weights& weights,
                           HostCallbacks callbacks = {});

/// The backend that B[:PRECISION] names and the precision, the backend's first where none is given. Throws Error where
/// it has no such precision.
struct FoundBackend {
  Plugin plugin;
  std::string precision;
};
FoundBackend find_backend(const std::string& reference, const std::vector<std::filesystem::path>& plugin_dirs);

/// Warnings of the backend, and, where that is a terminal, how far loading is: on stderr.
HostCallbacks terminal_callbacks();

}  // namespace inferbench
