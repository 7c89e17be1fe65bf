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
  std::optional<PluginDescription> plugin;  ///< nullopt where it does not load
  std::string problem;                      ///< then why, in one line that starts with the path
  std::string cure;
  std::filesystem::path shadowed_by;  ///< of the same name, found earlier; empty: none
};

/// Where backends are looked for, first to last: --plugin-dir, INFERBENCH_PLUGIN_PATH, then lib/inferbench of the
/// build or the install that the program runs from. Never the current directory. No library is loaded in this process.
class PluginPath {
 public:
  /// Throws Error if one of `plugin_dirs` is not a folder. Missing folders of the other sources are left out; so are
  /// empty entries of INFERBENCH_PLUGIN_PATH (separated by ':').
  explicit PluginPath(const std::vector<std::filesystem::path>& plugin_dirs = {});

  /// Absolute, each once.
  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  /// `reference`: a name ("cpu_ref": the first lib<name>.so in the folders, whose table must have that name), or a path
  /// (has a '/'; a relative one is taken from `base`, or from the working directory where that is empty). Each file is
  /// tried out once, as long as it does not change. Throws Error that lists where it looked and the nearest known name,
  /// or says why the library found does not load.
  PluginDescription find(std::string_view reference, const std::filesystem::path& base = {}) const;

  /// How long one library may take when many are listed: the others are waited for.
  static constexpr std::chrono::milliseconds kListLimit{10'000};

  /// Every lib*.so in the folders, folder after folder, sorted within each; the first of a name wins, later ones are
  /// shadowed. They are tried out side by side. `found` gets each in that order; only what takes more than a second
  /// comes later than its place.
  void list(const std::function<void(const FoundPlugin&)>& found,
            std::chrono::milliseconds time_limit = kListLimit) const;

 private:
  struct Known;

  PluginDescription described(const std::filesystem::path& path) const;

  std::vector<std::filesystem::path> folders_;
  std::shared_ptr<Known> known_;  // shared by copies: what find() has seen
};

}  // namespace inferbench
