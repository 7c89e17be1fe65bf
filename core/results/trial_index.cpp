// SPDX-License-Identifier: Apache-2.0
#include "results/trial_index.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>

namespace inferbench {

namespace {

using PointKey = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t, std::string_view>;

PointKey key_of(const Point& point) {
  return {point.prompt_tokens, point.generate_tokens, point.batch, point.threads, point.model};
}

}  // namespace

TrialIndex::TrialIndex(const RunData& run) : contenders_(run.info.contenders.size()) {
  const auto& points = run.info.points;
  cells_.resize(contenders_ * points.size());
  std::map<PointKey, std::size_t> places;
  for (std::size_t i = 0; i < points.size(); ++i) places.emplace(key_of(points[i]), i);
  std::size_t point = points.size();  // of the trial before: nearly always this one's, too
  for (const TrialRecord& trial : run.trials) {
    if (point == points.size() || key_of(points[point]) != key_of(trial.point)) {
      const auto place = places.find(key_of(trial.point));
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
