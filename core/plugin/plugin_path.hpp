// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/description.hpp"

namespace inferbench {

/// A library in one of the folders of a PluginPath.
struct FoundPlugin {
  std::filesystem::path path;
  std::optional<PluginDescription> plugin;  ///< nullopt if it does not load
  std::string problem;                      ///< if so, the reason in one line that starts with the path
  std::string cure;
  std::filesystem::path shadowed_by;  ///< a library with the same name, found earlier; empty: none
};

/// The folders that are searched for backends, in this order: --plugin-dir, INFERBENCH_PLUGIN_PATH, then lib/inferbench
/// of the build or install that the program runs from. Never the current directory. No library is loaded in this
/// process.
class PluginPath {
 public:
  /// Throws Error if one of `plugin_dirs` is not a folder. Missing folders of the other sources are skipped, and so are
  /// empty entries of INFERBENCH_PLUGIN_PATH (separated by ':').
  explicit PluginPath(const std::vector<std::filesystem::path>& plugin_dirs = {});

  /// Absolute paths without duplicates.
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  /// `reference` is a name ("cpu_ref": the first lib<name>.so in the folders; its table must have that name) or a path
  /// (contains '/'; a relative path starts at `base`, or at the working directory if `base` is empty). Each file is
  /// described once, as long as it does not change. Throws Error that lists the searched folders and the nearest known
  /// name, or says why the library that was found does not load.
  PluginDescription find(std::string_view reference, const std::filesystem::path& base = {}) const;

  /// Time limit per library when many are listed.
  static constexpr std::chrono::milliseconds kListLimit{10'000};

  /// Lists every lib*.so in the folders, folder by folder, sorted within each. The first library with a name wins,
  /// later ones are shadowed. They are examined in parallel. `found` gets each in that order; only one that takes more
  /// than a second may come later.
  void list(const std::function<void(const FoundPlugin&)>& found,
            std::chrono::milliseconds time_limit = kListLimit) const;

 private:
  struct Known;

  PluginDescription described(const std::filesystem::path& path) const;

  std::vector<std::filesystem::path> folders_;
  std::shared_ptr<Known> known_;  // shared by copies: results of find()
};

}  // namespace inferbench
