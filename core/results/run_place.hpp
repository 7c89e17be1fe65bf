// SPDX-License-Identifier: Apache-2.0
// Where runs are: results/NAME/<UTC time>-<id>/, and results/NAME/latest, a link to the newest of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// The run folder that `named` means: itself, the folder of a run.json, or, of a folder that holds runs, the one that
/// was started last. Links are followed. What is none of these is returned as it is: reading it says what is wrong.
/// Throws Error for a folder that holds runs of several experiments one level deeper.
std::filesystem::path find_run(const std::filesystem::path& named);

/// find_run of each, and each run once, in the order named: a pattern such as results/NAME/* also finds `latest`, and a
/// copy of a run folder is the same run.
std::vector<std::filesystem::path> find_runs(const std::vector<std::filesystem::path>& named);

/// The same where a command takes exactly `count` runs. Throws Error, which says how many there are.
std::vector<std::filesystem::path> find_exactly(std::size_t count, const std::vector<std::filesystem::path>& named,
                                                const std::string& command);

/// Lets `latest`, beside the run folder, point to it, in one step. Nothing happens where the file system has no links
/// or something else has that name: `latest` is a convenience, and find_run does without it.
void link_latest(const std::filesystem::path& run_folder);

}  // namespace inferbench
