// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin/description.hpp"
#include "plugin/probe.hpp"

namespace inferbench {

/// Starts to describe the backend at `path` in a child, which loads the library and checks its whole table: a wild
/// pointer in it crashes only the child. The answer is for description_from_bytes(). Throws Error where the file cannot
/// be a library of this machine.
Probe start_plugin_probe(const std::filesystem::path& path, std::chrono::milliseconds time_limit);

/// A description, or why there is none.
struct DescribedPlugin {
  std::optional<PluginDescription> plugin;
  std::string problem;
  std::string cure;
};

/// Describes many libraries, a few at a time. `done` gets each as it comes, by its index in `paths`; `waiting` is
/// called at least every tenth of a second.
void describe_plugins(const std::vector<std::filesystem::path>& paths, std::chrono::milliseconds time_limit,
                      const std::function<void(std::size_t, DescribedPlugin)>& done,
                      const std::function<void()>& waiting);

}  // namespace inferbench
