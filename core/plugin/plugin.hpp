// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench {

/// A loaded and checked backend library. Never unloaded; copies share it.
class Plugin {
 public:
  /// dlopen (RTLD_NOW | RTLD_LOCAL, never unloaded) and every check of the table; tried out in a child process first,
  /// so that a library which throws, crashes, exits or hangs while it loads does so there. Throws Error: path, fault,
  /// cure.
  static Plugin load(const std::filesystem::path& path);

  const std::filesystem::path& path() const;  ///< absolute
  std::string_view name() const;
  std::string_view version() const;
  std::string_view build() const;
  std::string_view license() const;
  std::string_view doc() const;
  std::span<const ib_precision_info> precisions() const;
  std::span<const ib_option_info> options() const;
  bool has_precision(std::string_view precision) const;

  /// The table, completed with zeros where the backend was built against an older minor.
  const ib_backend& table() const;

  /// The extension's table, or null.
  const void* extension(std::string_view name) const;

 private:
  struct Impl;
  explicit Plugin(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

/// Where backends are looked for, first to last: --plugin-dir, INFERBENCH_PLUGIN_PATH, then lib/inferbench of the
/// build or the install that the program runs from. Never the current directory.
class PluginPath {
 public:
  /// Throws Error if one of `plugin_dirs` is not a folder. Missing folders of the other sources are left out; so are
  /// empty entries of INFERBENCH_PLUGIN_PATH (separated by ':').
  explicit PluginPath(const std::vector<std::filesystem::path>& plugin_dirs = {});

  /// Absolute, each once.
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  /// `reference`: a name ("cpu_ref": the first lib<name>.so in the folders, whose table must have that name), or a path
  /// (has a '/'; a relative one is taken from `base`, or from the working directory where that is empty). Throws Error
  /// that lists where it looked and the nearest known name, or says why the library found does not load.
  Plugin find(std::string_view reference, const std::filesystem::path& base = {}) const;

  struct Found {
    std::filesystem::path path;
    std::vector<Plugin> plugin;  ///< one, or none where it did not load
    std::string problem;         ///< else why, in one line that starts with the path
    std::string cure;
    std::filesystem::path shadowed_by;  ///< of the same name, found earlier; empty: none
  };
  /// Every lib*.so in the folders, folder after folder, sorted within each; the first of a name wins, later ones are
  /// shadowed.
  std::vector<Found> list() const;

 private:
  std::vector<std::filesystem::path> folders_;
};

}  // namespace inferbench
