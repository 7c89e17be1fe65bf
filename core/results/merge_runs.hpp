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

/// Joins runs of the same experiment on several machines into one run with the machine as an axis: every point occurs
/// once per machine, with its name in Point::node. The name is the node's, or the folder's if no scheduler names it.
/// The machines may differ in their number of threads and so in their points. The result has no machine limits of its
/// own, since each part has its own; it cannot be resumed. Throws Error for fewer than two runs, a repeated name, and
/// different experiments, contenders or models.
RunData merge_nodes(const std::vector<NamedRun>& parts);

}  // namespace inferbench
