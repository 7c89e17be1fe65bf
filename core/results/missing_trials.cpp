// SPDX-License-Identifier: Apache-2.0
#include "results/missing_trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "experiment/planned_pairs.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

// Pairs of point and contender.
std::uint64_t pairs_in(const RunInfo& info, const Shard& shard) {
  const PlannedPairs planned(info.contenders, info.points, info.baseline);
  std::uint64_t pairs = 0;
  for (std::size_t i = 0; i < info.points.size(); ++i) {
    if (shard.has(static_cast<std::int32_t>(i))) pairs += planned.at(info.points[i]);
  }
  return pairs;
}

bool split_alike(const std::vector<NamedRun>& parts) {
  return std::all_of(parts.begin(), parts.end(), [&](const NamedRun& part) {
    return part.data.info.shard.count == parts.front().data.info.shard.count;
  });
}

}  // namespace

// All pairs have the same number of trials.
std::uint64_t planned_in(const RunInfo& info, const Shard& shard) {
  const std::uint64_t own = pairs_in(info, info.shard);
  return own == 0 ? info.planned_trials : info.planned_trials / own * pairs_in(info, shard);
}

std::uint64_t planned_rows(const RunData& run) {
  std::set<std::string_view> ids;
  for (const TrialRecord& trial : run.trials) {
    if (trial.block < run.info.blocks) ids.insert(trial.id);
  }
  return ids.size();
}

std::vector<MissingShard> missing_shards(const std::vector<NamedRun>& parts) {
  std::vector<MissingShard> found;
  if (parts.empty()) return found;
  const RunInfo& info = parts.front().data.info;
  const bool alike = split_alike(parts);
  const std::int32_t count = alike ? info.shard.count : 1;
  for (std::int32_t index = 1; index <= count; ++index) {
    MissingShard shard{{index, count}, {}, 0, 0};
    shard.planned = planned_in(info, shard.shard);
    for (const NamedRun& part : parts) {
      if (alike && part.data.info.shard.index != index) continue;
      shard.present += planned_rows(part.data);
      if (alike) shard.folder = part.folder;
    }
    if (shard.present < shard.planned) found.push_back(std::move(shard));
  }
  return found;
}

std::vector<MissingShard> incomplete_runs(const std::vector<NamedRun>& runs) {
  std::vector<MissingShard> found;
  for (const NamedRun& run : runs) {
    const std::uint64_t planned = run.data.info.planned_trials;
    const MissingShard state{run.data.info.shard, run.folder, planned_rows(run.data), planned};
    if (state.present < state.planned) found.push_back(state);
  }
  return found;
}

std::string to_text(const MissingShard& missing) {
  const std::string name = missing.shard.whole() ? std::string("the experiment")
                                                 : fmt::format("shard {}/{}", missing.shard.index, missing.shard.count);
  const std::uint64_t absent = missing.planned - missing.present;
  if (missing.folder.empty() && missing.present == 0) {
    return fmt::format("{}: no run folder, {} {} missing", name, counted(absent, "trial"), absent == 1 ? "is" : "are");
  }
  const std::string folder = missing.folder.empty() ? "" : fmt::format(" ({})", missing.folder.string());
  return fmt::format("{}: {} of {} {} missing{}", name, absent, counted(missing.planned, "trial"),
                     absent == 1 ? "is" : "are", folder);
}

}  // namespace inferbench
