// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "inferbench/backend.h"
#include "plugin/description.hpp"

namespace inferbench {

/// A loaded and checked backend library, in the process that runs it: a worker or another child. The host process
/// itself has only descriptions (describe_plugin, PluginPath). Never unloaded; copies share it.
class Plugin {
 public:
  /// Loads the library with dlopen (RTLD_NOW | RTLD_LOCAL) and checks the entire table. A library that crashes, exits
  /// or hangs while loading does so in this process. Throws Error with path, fault and hint.
  static Plugin load(const std::filesystem::path& path);

  const PluginDescription& description() const;
  const std::filesystem::path& path() const { return description().path; }  ///< absolute
  std::string_view name() const { return description().name; }
  std::span<const PrecisionDescription> precisions() const { return description().precisions; }
  std::span<const OptionDescription> options() const { return description().options; }

  /// The table, padded with zeros if the backend was built against an older minor version.
  const ib_backend& table() const;

  /// The extension's table; null if the backend does not offer it.
  const void* extension(std::string_view name) const;

 private:
  struct Impl;
  explicit Plugin(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace inferbench
