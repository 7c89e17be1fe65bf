// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace inferbench {

/// The prefix that the running program is installed in ("/usr"); none where it runs from a build tree.
std::optional<std::filesystem::path> install_prefix();

/// The experiment file to read for what the user wrote. A bare name ("quickstart.yaml") that is no file here names an
/// installed experiment, and a note on standard error says which. Anything else comes back as it is.
std::filesystem::path find_experiment(const std::filesystem::path& given);

}  // namespace inferbench
