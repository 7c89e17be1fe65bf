// SPDX-License-Identifier: Apache-2.0
#include "results/trial_index.hpp"

#include <algorithm>
#include <map>

namespace inferbench {

TrialIndex::TrialIndex(const RunData& run) : contenders_(run.info.contenders.size()) {
  const auto& points = run.info.points;
  cells_.resize(contenders_ * points.size());
  std::map<Point, std::size_t> places;
  for (std::size_t i = 0; i < points.size(); ++i) places.emplace(points[i], i);
  std::size_t point = points.size();  // of the previous trial: nearly always the same as this one's
  for (const TrialRecord& trial : run.trials) {
    if (point == points.size() || points[point] != trial.point) {
      const auto place = places.find(trial.point);
      if (place == places.end()) continue;
      point = place->second;
    }
    const auto contender = std::find_if(run.info.contenders.begin(), run.info.contenders.end(),
                                        [&](const Contender& candidate) { return candidate.name == trial.contender; });
    if (contender == run.info.contenders.end()) continue;
    cells_[point * contenders_ + static_cast<std::size_t>(contender - run.info.contenders.begin())].push_back(&trial);
  }
}

const TrialIndex::Trials& TrialIndex::at(std::size_t point, std::size_t contender) const {
  return cells_.at(point * contenders_ + contender);
}

}  // namespace inferbench
