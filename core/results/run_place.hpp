// SPDX-License-Identifier: Apache-2.0
// Layout of runs: results/NAME/<UTC time>-<id>/, and results/NAME/latest, a link to the newest of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// Finds the run folder for `named`: a run folder itself, its run.json, or a folder that contains runs (the run started
/// last is used). Follows links. Any other path is returned unchanged, so that reading it reports the error. Throws
/// Error for a folder that contains runs of several experiments one level deeper.
std::filesystem::path find_run(const std::filesystem::path& named);

/// find_run of each, without duplicates, in the order given. A pattern such as results/NAME/* also matches `latest`,
/// and a copy of a run folder is the same run.
std::vector<std::filesystem::path> find_runs(const std::vector<std::filesystem::path>& named);

/// The same for a command that takes exactly `count` runs. Throws Error, which says how many there are.
std::vector<std::filesystem::path> find_exactly(std::size_t count, const std::vector<std::filesystem::path>& named,
                                                const std::string& command);

/// Atomically points the link `latest`, next to the run folder, to it. Does nothing if the file system has no links or
/// something else has that name: `latest` is a convenience that find_run does not need.
void link_latest(const std::filesystem::path& run_folder);

}  // namespace inferbench
