// SPDX-License-Identifier: Apache-2.0
#include "report/report.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "results/paired_ratio.hpp"
#include "results/run_notes.hpp"
#include "results/trial_outliers.hpp"

namespace inferbench {

namespace {

constexpr std::array<std::string_view, 2> kHeadlineMetrics{"decode_tokens_per_s", "prefill_tokens_per_s"};

struct Overall {
  std::optional<LogRatio> ratio;
  std::vector<double> of_points;
};

Overall overall_speed(const RunInfo& info, const TrialIndex& index, std::size_t contender, std::size_t baseline,
                      std::string_view metric) {
  std::vector<LogRatio> ratios;
  Overall overall;
  for (std::size_t point = 0; point < info.points.size(); ++point) {
    const auto ratio = paired_speed(metric, index.at(point, contender), index.at(point, baseline));
    if (!ratio) continue;
    ratios.push_back(*ratio);
    overall.of_points.push_back(to_speed_ratio(*ratio).ratio);
  }
  overall.ratio = mean_log_ratio(ratios);
  return overall;
}

std::size_t index_of(const RunInfo& info, const std::string& contender) {
  const auto found = std::find_if(info.contenders.begin(), info.contenders.end(),
                                  [&](const Contender& other) { return other.name == contender; });
  return static_cast<std::size_t>(found - info.contenders.begin());
}

Headline make_headline(const RunInfo& info, const TrialIndex& index, std::string_view metric) {
  Headline headline;
  headline.metric = metric;
  const std::size_t baseline = baseline_index(info);
  for (std::size_t i = 0; i < info.contenders.size(); ++i) {
    if (i == baseline) continue;
    const Overall overall = overall_speed(info, index, i, baseline, metric);
    if (!overall.ratio) continue;
    const auto [least, most] = std::minmax_element(overall.of_points.begin(), overall.of_points.end());
    headline.speeds.push_back(
        {info.contenders[i].name, overall.of_points.size(), to_speed_ratio(*overall.ratio), *least, *most});
  }
  std::stable_sort(headline.speeds.begin(), headline.speeds.end(),
                   [](const OverallSpeed& a, const OverallSpeed& b) { return a.ratio.ratio > b.ratio.ratio; });
  return headline;
}

// The two first of the contenders, the baseline among them.
void rank(const RunInfo& info, const TrialIndex& index, Headline& headline) {
  std::vector<std::string> order;
  for (const OverallSpeed& speed : headline.speeds) order.push_back(speed.contender);
  const auto slower = std::find_if(headline.speeds.begin(), headline.speeds.end(),
                                   [](const OverallSpeed& speed) { return speed.ratio.ratio < 1; });
  order.insert(order.begin() + (slower - headline.speeds.begin()), info.baseline);
  headline.fastest = order[0];
  headline.second = order[1];
  const Overall ahead = overall_speed(info, index, index_of(info, order[0]), index_of(info, order[1]), headline.metric);
  if (ahead.ratio) headline.ahead = to_speed_ratio(*ahead.ratio);
}

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

// Nothing where no trial went well: then there is nothing to explain.
std::optional<AnalysisResult> analysis_of(const RunData& run) {
  const auto counts = [](const TrialRecord& trial) {
    return trial.ok() && !trial.warm_up() && trial.outcome.metrics.has_value();
  };
  if (std::none_of(run.trials.begin(), run.trials.end(), counts)) return std::nullopt;
  return analyze_runs(std::span(&run, 1));
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
                analysis_of(run)};
  report.comparison.folder = folder;
  if (baseline_index(run.info) < run.info.contenders.size()) {
    for (const std::string_view metric : kHeadlineMetrics) {
      Headline headline = make_headline(run.info, index, metric);
      if (headline.speeds.empty()) continue;
      rank(run.info, index, headline);
      report.headlines.push_back(std::move(headline));
    }
  }
  report.agreements = agreements_of(report.comparison);
  for (Headline& headline : report.headlines) {
    for (const OutputAgreement& agreement : report.agreements) {
      if (agreement.contender == headline.fastest) headline.fastest_output = agreement.same_output;
    }
  }
  return report;
}

}  // namespace inferbench
