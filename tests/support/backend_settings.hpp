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

/// The exit status that ctest takes for "skipped" (SKIP_RETURN_CODE).
inline constexpr int kSkipped = 77;

/// Which backend a test program examines, and how it is set up.
struct BackendSettings {
  std::filesystem::path plugin;
  std::string precision;  ///< empty: the backend's first
  std::map<std::string, std::string> options;

  /// --plugin, --precision, --option KEY=VALUE.
  void add_options(CLI::App& app);

  BackendModel create_model(BackendContext context, const Weights& weights) const;

  /// False, after saying why, where this machine cannot do what the options ask for. Throws Error otherwise.
  bool is_supported() const;
};

}  // namespace inferbench
