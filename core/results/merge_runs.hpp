// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// A folder that is to be joined with others, and what it holds.
struct NamedRun {
  std::filesystem::path folder;
  RunData data;
};

/// One run out of parts of the same experiment: the shards of several machines, wherever these keep the experiment and
/// its files. Everything about the run is the first part's; `merged` says of each part where its environment or its
/// backends differ from that. Of quality, which each part measures, a row that is not ok is kept before one that is.
/// Throws Error, which says what differs, for another experiment or model, and for parts that hold the same trial.
RunData merge_runs(const std::vector<NamedRun>& parts);

}  // namespace inferbench
