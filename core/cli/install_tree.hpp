// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace inferbench {

/// The prefix that the running program is installed in ("/usr"); nullopt if it runs from a build tree.
std::optional<std::filesystem::path> install_prefix();

/// The experiment file for the user's argument. If a bare name ("quickstart.yaml") is not a file in the current folder,
/// it names an installed experiment, and a note on stderr says which. Anything else is returned unchanged.
std::filesystem::path find_experiment(const std::filesystem::path& given);

}  // namespace inferbench
