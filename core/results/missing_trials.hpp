// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "results/merge_runs.hpp"

namespace inferbench {

/// A shard that the parts of a merge lack, or of which they have only some trials.
struct MissingShard {
  Shard shard;
  std::filesystem::path folder{};  ///< empty: no part is this shard
  std::uint64_t present = 0;       ///< planned trials that have a row
  std::uint64_t planned = 0;       ///< without the blocks that measure.until adds
};

/// The trials that the plan has for the points of `shard`, from the run of any shard of the same experiment.
std::uint64_t planned_in(const RunInfo& info, const Shard& shard);

/// The planned trials that have a row, each once. Not the blocks that measure.until added.
std::uint64_t planned_rows(const RunData& run);

/// Every shard that is not complete, in order. If the parts were split into different numbers of shards, the whole
/// experiment is the only one listed.
std::vector<MissingShard> missing_shards(const std::vector<NamedRun>& parts);

/// The runs that are not complete, for parts that are not shards of each other.
std::vector<MissingShard> incomplete_runs(const std::vector<NamedRun>& runs);

/// "shard 3/8: no run folder, 24 trials are missing"; "shard 4/8: 10 of 24 trials are missing (parts/4)".
std::string to_text(const MissingShard& missing);

}  // namespace inferbench
