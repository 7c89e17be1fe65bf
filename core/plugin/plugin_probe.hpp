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

/// Starts to describe the backend at `path` in a child, which loads the library and checks its entire table: a wild
/// pointer in it crashes only the child. The answer can be read by description_from_bytes(). Throws Error if the file
/// cannot be a library for this machine.
Probe start_plugin_probe(const std::filesystem::path& path, std::chrono::milliseconds time_limit);

/// A description, or the reason why there is none.
struct DescribedPlugin {
  std::optional<PluginDescription> plugin;
  std::string problem;
  std::string cure;
};

/// Describes many libraries, a few at a time. `done` gets each one when it is ready, with its index in `paths`;
/// `waiting` is called at least every tenth of a second.
void describe_plugins(const std::vector<std::filesystem::path>& paths, std::chrono::milliseconds time_limit,
                      const std::function<void(std::size_t, DescribedPlugin)>& done,
                      const std::function<void()>& waiting);

}  // namespace inferbench
