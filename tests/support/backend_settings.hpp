// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "plugin/backend.hpp"

namespace CLI {
class App;
}

namespace inferbench {

/// The exit status that ctest treats as "skipped" (SKIP_RETURN_CODE).
inline constexpr int kSkipped = 77;

/// The backend that a test program examines, and its settings.
struct BackendSettings {
  std::filesystem::path plugin;
  std::string precision;  ///< empty: the backend's first precision
  std::string device;     ///< empty: the backend's first device
  std::map<std::string, std::string> options;

  /// --plugin, --precision, --device, --option KEY=VALUE.
  void add_options(CLI::App& app);

  BackendModel create_model(const Weights& weights, int threads) const;

  /// Returns false, after printing why, if this machine does not support the settings. Throws Error on other failures.
  bool is_supported() const;
};

}  // namespace inferbench
