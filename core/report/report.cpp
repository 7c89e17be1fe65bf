// SPDX-License-Identifier: Apache-2.0
#include "report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "results/run_notes.hpp"
#include "results/trial_outliers.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

std::vector<OutputAgreement> agreements_of(const Comparison& comparison) {
  std::vector<OutputAgreement> agreements;
  for (const PointResult& point : comparison.points) {
    agreements.resize(point.contenders.size());
    for (std::size_t i = 0; i < point.contenders.size(); ++i) {
      agreements[i].contender = point.contenders[i].contender;
      agreements[i].same_output.compared += point.contenders[i].same_output.compared;
      agreements[i].same_output.same += point.contenders[i].same_output.same;
    }
  }
  std::erase_if(agreements,
                [&](const OutputAgreement& agreement) { return agreement.contender == comparison.baseline; });
  return agreements;
}

std::vector<DisturbedTrial> disturbed_trials(const RunData& run) {
  std::map<Point, std::size_t> places;
  for (std::size_t i = 0; i < run.info.points.size(); ++i) places.emplace(run.info.points[i], i);
  std::vector<DisturbedTrial> disturbed;
  for (const bool counted : {true, false}) {
    for (const TrialRecord& trial : counted ? run.trials : run.replaced) {
      if (!trial.disturbed()) continue;
      const auto place = places.find(trial.point);
      if (place == places.end()) continue;
      disturbed.push_back({place->second, trial.contender, trial.block, trial.attempt, trial.disturbed_by,
                           counted && !trial.warm_up()});
    }
  }
  return disturbed;
}

std::vector<Outlier> outliers_of(const RunData& run, const TrialIndex& index) {
  std::vector<Outlier> outliers;
  for (const OutlyingTrial& far : outlying_trials(run, index)) {
    outliers.push_back(
        {far.point, far.trial->contender, far.trial->block, std::string(far.metric), far.value, far.median});
  }
  return outliers;
}

// nullopt if no trial of a batch was ok, because then there is nothing to explain.
std::optional<AnalysisResult> analysis_of(const RunData& run) {
  const auto counts = [](const TrialRecord& trial) {
    return trial.ok() && !trial.warm_up() && trial.outcome.metrics.has_value();  // scenarios are not analyzed
  };
  if (std::none_of(run.trials.begin(), run.trials.end(), counts)) return std::nullopt;
  return analyze_runs(std::span(&run, 1));
}

// A report is useful without its targets, for example those in an earlier version's format.
void put_checks(const RunData& run, Report& report) {
  try {
    report.checks = check_targets(run, targets_of(run.info));
  } catch (const Error& error) {
    report.notes.push_back(fmt::format("the targets were not judged: {}", error.what()));
  }
}

}  // namespace

Report make_report(const RunData& run, const std::string& folder) {
  const TrialIndex index(run);
  Report report{run.info,
                compare_contenders(run, index),
                {},
                {},
                run.quality,
                disturbed_trials(run),
                outliers_of(run, index),
                run_notes(run),
                analysis_of(run),
                {},
                {}};
  report.comparison.folder = folder;
  report.headlines = headlines_of(run.info, index);
  report.failures = failure_groups(report.comparison, run.quality);
  report.frontiers = frontiers_of(run, index);
  put_checks(run, report);
  report.agreements = agreements_of(report.comparison);
  for (Headline& headline : report.headlines) {
    for (const OutputAgreement& agreement : report.agreements) {
      if (agreement.contender == headline.fastest) headline.fastest_output = agreement.same_output;
    }
  }
  return report;
}

}  // namespace inferbench
