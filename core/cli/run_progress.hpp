// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Estimates the time for the rest of a plan from the durations of the trials so far.
class TimeLeft {
 public:
  TimeLeft(const Experiment& experiment, std::vector<PlannedTrial> remaining);

  void ended(const PlannedTrial& trial, double seconds);
  void added(const std::vector<PlannedTrial>& trials);
  /// Seconds; negative if nothing is known yet.
  double estimate() const;

 private:
  double work(const PlannedTrial& trial) const;

  const Experiment* experiment_;
  std::vector<PlannedTrial> remaining_;  ///< in order
  std::size_t next_ = 0;
  std::map<std::pair<std::int32_t, std::int32_t>, std::pair<double, int>> seen_;  ///< (point, contender) -> sum, count
  std::map<std::int32_t, std::pair<double, double>> rate_;                        ///< contender -> seconds, work
};

/// Progress on stderr: on a terminal one line with a bar that is overwritten, otherwise one plain line per trial.
class RunProgress : public SweepObserver {
 public:
  RunProgress(const Experiment& experiment, const RunFolder& folder, bool terminal);
  ~RunProgress() override;

  void loading(const Contender& contender, const Point& point) override;
  void judging(const Contender& contender, const Point& point, std::size_t windows) override;
  void block_added(const std::vector<PlannedTrial>& trials) override;
  void ended_badly(const Contender& contender, const std::string& fault) override;
  void trial_begins(const PlannedTrial& trial) override;
  void trial_ended(const PlannedTrial& trial, const TrialRecord& record) override;

  /// Ends the line that is being overwritten.
  void finish();

 private:
  std::string place(const PlannedTrial& trial) const;
  void show(const std::string& what);

  const Experiment& experiment_;
  bool terminal_;
  bool line_open_ = false;
  std::set<std::string> told_;  ///< faults that were printed, so that each is printed once
  std::size_t total_ = 0;
  std::size_t done_ = 0;
  TimeLeft time_left_;
};

}  // namespace inferbench
