// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// A folder to be merged, and its contents.
struct NamedRun {
  std::filesystem::path folder;
  RunData data;
};

/// Merges parts of the same experiment into one run: the shards of several machines, wherever they keep the experiment
/// and its files. The run's information comes from the first part; the machine limits from the first part that has
/// them. `merged` lists, for each part, how its environment or its backends differ from the first part's. Each part
/// measures quality; a row that is not ok has priority over one that is. Throws Error, which says what differs, for a
/// different experiment or model, and for parts that hold the same trial.
RunData merge_runs(const std::vector<NamedRun>& parts);

}  // namespace inferbench
