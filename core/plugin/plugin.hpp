// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "inferbench/backend.h"
#include "plugin/description.hpp"

namespace inferbench {

/// A loaded and checked backend library, in the process that runs it: a worker or another child. The host itself has
/// descriptions only (describe_plugin, PluginPath). Never unloaded; copies share it.
class Plugin {
 public:
  /// dlopen (RTLD_NOW | RTLD_LOCAL, never unloaded) and every check of the table. A library that crashes, exits or
  /// hangs while it loads does so in this process. Throws Error: path, fault, hint.
  static Plugin load(const std::filesystem::path& path);

  const PluginDescription& description() const;
  const std::filesystem::path& path() const { return description().path; }  ///< absolute
  std::string_view name() const { return description().name; }
  std::span<const PrecisionDescription> precisions() const { return description().precisions; }
  std::span<const OptionDescription> options() const { return description().options; }

  /// The table, completed with zeros where the backend was built against an older minor.
  const ib_backend& table() const;

  /// The extension's table, or null.
  const void* extension(std::string_view name) const;

 private:
  struct Impl;
  explicit Plugin(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace inferbench
