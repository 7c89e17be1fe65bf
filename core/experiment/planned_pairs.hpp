// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"

namespace inferbench {

/// Which contenders an experiment runs at which points.
///
/// Threads are no axis for a contender on a device and for a server: of points that differ in threads alone, it runs at
/// the one with the most. A server has no batches, since it decides what it batches: it runs only at points with a
/// scenario. The baseline runs at all points, since each block needs its pair.
class PlannedPairs {
 public:
  /// All three must outlive this object.
  PlannedPairs(const std::vector<Contender>& contenders, const std::vector<Point>& points, const std::string& baseline)
      : contenders_(contenders), points_(points), baseline_(baseline) {}
  explicit PlannedPairs(const Experiment& experiment)
      : PlannedPairs(experiment.contenders, experiment.points, experiment.baseline) {}

  /// `contender` is an index.
  bool has(std::size_t contender, const Point& point) const;

  /// Number of the contenders that run at the point.
  std::size_t at(const Point& point) const;

  /// Number of the points at which the contender runs.
  std::size_t of(std::size_t contender) const;

 private:
  const std::vector<Contender>& contenders_;
  const std::vector<Point>& points_;
  const std::string& baseline_;
};

}  // namespace inferbench
