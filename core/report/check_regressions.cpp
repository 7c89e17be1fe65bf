// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiment/metrics.hpp"
#include "experiment/planned_pairs.hpp"
#include "experiment/point_text.hpp"
#include "report/check.hpp"
#include "report/check_quality.hpp"
#include "report/check_trials.hpp"
#include "report/number_text.hpp"
#include "report/regression_rules.hpp"
#include "report/run_match.hpp"
#include "results/model_identity.hpp"
#include "results/trial_index.hpp"
#include "stats/log_ratio.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

Judged without_earlier_data(const std::string& why) {
  return {CheckVerdict::kUnclear, "no earlier data: " + why};
}

// At least one of the runs has nothing to judge on a logarithmic scale, such as zeros for the bytes of a cache that a
// backend does not report.
Judged judge_zeros(const Judgeable& now, const Judgeable& before) {
  if (!before.values.empty()) return now.judged;
  if (before.judged.verdict == CheckVerdict::kUnclear) return without_earlier_data(before.judged.found);
  if (!now.values.empty()) return without_earlier_data("it was 0");
  if (now.judged.verdict == CheckVerdict::kUnclear) return now.judged;
  return {CheckVerdict::kPass, "0 in both runs"};
}

// Judges the ratio now / before.
Judged judge_change(const std::string& metric, double threshold, const TrialIndex::Trials& now,
                    const TrialIndex::Trials& before) {
  const NoTrial none_before = why_no_trial(before);
  if (!none_before.why.empty()) return without_earlier_data(none_before.why);
  const bool more = more_is_better(metric);
  const Judgeable old_values = judgeable_values(before, metric, more);
  const NoTrial none = why_no_trial(now);
  // A contender that ran before and failed now is worse. If it was unsupported, skipped or not run, the result is
  // unclear.
  if (!none.why.empty()) return {none.failed ? CheckVerdict::kFail : CheckVerdict::kUnclear, none.why};
  const Judgeable values = judgeable_values(now, metric, more);
  if (values.values.empty() || old_values.values.empty()) return judge_zeros(values, old_values);
  const SpeedRatio ratio = to_speed_ratio(*independent_log_ratio(values.values, old_values.values));
  const std::string found = fmt::format("{}x the earlier run", ratio_text(ratio.ratio));
  if (!ratio.interval) return {CheckVerdict::kUnclear, fmt::format("{}, {}", found, too_few_blocks_text(ratio.n))};
  const double bound = more ? 1 - threshold : 1 + threshold;
  return counting_failures(
      {judge_interval(*ratio.interval, more, bound), fmt::format("{} ({})", found, interval_text(*ratio.interval))},
      now);
}

std::string allowed_text(const std::string& metric, double threshold) {
  return fmt::format("{} not {:.3g}% {} than before", metric, threshold * 100,
                     more_is_better(metric) ? "lower" : "higher");
}

// Judges one metric in both runs.
class RegressionCheck {
 public:
  RegressionCheck(const RunData& now, const RunData& before, const RegressionOptions& options)
      : now_(now), before_(before), options_(options), index_now_(now), index_before_(before) {}

  std::vector<CheckResult> run() {
    for (const std::string& metric : options_.metrics) {
      if (!is_anywhere(metric)) continue;
      if (is_quality_metric(metric)) {
        put_quality(metric);
      } else {
        put_metric(metric);
      }
      put_alone(metric);
    }
    return std::move(results_);
  }

 private:
  // True if one of the runs can have a value.
  bool is_anywhere(const std::string& metric) const {
    const auto in = [&](const RunInfo& info) {
      return std::any_of(info.points.begin(), info.points.end(),
                         [&](const Point& point) { return is_measured_at(metric, point); });
    };
    return is_quality_metric(metric) || in(now_.info) || in(before_.info);
  }

  void put(const std::string& requirement, const std::string& contender, const std::string& point,
           const Judged& judged) {
    results_.push_back({requirement, contender, point, judged.verdict, judged.found});
  }

  void put_metric(const std::string& metric) {
    const PlannedPairs planned(now_.info.contenders, now_.info.points, now_.info.baseline);
    for (const Match& p : points_) {
      const Point& point = now_.info.points[p.b];
      for (const Match& c : contenders_) {
        if (!planned.has(c.b, point) || !is_measured_at(metric, point)) continue;
        const std::string& name = now_.info.contenders[c.b].name;
        const double threshold = threshold_of(options_.rules, metric, name, point);
        put(allowed_text(metric, threshold), name, point_title(model_name(now_.info, point.model), point),
            judge_change(metric, threshold, index_now_.at(p.b, c.b), index_before_.at(p.a, c.a)));
      }
    }
  }

  // One result per model. Rules that name an axis do not apply.
  void put_quality(const std::string& metric) {
    for (const ModelIdentity& model : now_.info.models) {
      const auto old_model = std::find_if(before_.info.models.begin(), before_.info.models.end(),
                                          [&](const ModelIdentity& other) { return same_model(model, other); });
      if (old_model == before_.info.models.end()) continue;
      const Point any{model.reference, 0, 0, 0, 0};
      for (const Match& c : contenders_) {
        const std::string& name = now_.info.contenders[c.b].name;
        const double threshold = threshold_of(options_.rules, metric, name, any);
        put(allowed_text(metric, threshold), name, quality_title(now_, model),
            judge_quality_change(metric, threshold, now_, before_, name, model.reference, old_model->reference));
      }
    }
  }

  // Contenders and points that only one of the runs has.
  void put_alone(const std::string& metric) {
    const std::string requirement = metric + " not worse than before";
    for (const Contender& contender : before_.info.contenders) {
      if (has_contender(now_.info, contender.name)) continue;
      put(requirement, contender.name, "all",
          {CheckVerdict::kUnclear, "the contender is missing; the earlier run has it"});
    }
    for (const Contender& contender : now_.info.contenders) {
      if (has_contender(before_.info, contender.name)) continue;
      put(requirement, contender.name, "all", without_earlier_data("the earlier run does not have the contender"));
    }
    if (is_quality_metric(metric)) return;
    for (std::size_t i = 0; i < before_.info.points.size(); ++i) {
      if (is_matched(i, &Match::a)) continue;
      const Point& point = before_.info.points[i];
      if (!is_measured_at(metric, point)) continue;
      put(requirement, "all", point_title(model_name(before_.info, point.model), point),
          {CheckVerdict::kUnclear,
           "the point is missing; the earlier run has it" + changed_model(point.model, before_.info)});
    }
    for (std::size_t i = 0; i < now_.info.points.size(); ++i) {
      if (is_matched(i, &Match::b)) continue;
      const Point& point = now_.info.points[i];
      if (!is_measured_at(metric, point)) continue;
      put(requirement, "all", point_title(model_name(now_.info, point.model), point),
          without_earlier_data("the earlier run does not have the point" + changed_model(point.model, now_.info)));
    }
  }

  bool is_matched(std::size_t point, std::size_t Match::*side) const {
    return std::any_of(points_.begin(), points_.end(), [&](const Match& match) { return match.*side == point; });
  }

  static bool has_contender(const RunInfo& info, const std::string& name) {
    return std::any_of(info.contenders.begin(), info.contenders.end(),
                       [&](const Contender& contender) { return contender.name == name; });
  }

  // "; model 'm': other weights ..." if a changed model is the reason.
  std::string changed_model(const std::string& reference, const RunInfo& info) const {
    const std::string name = "model '" + model_name(info, reference) + "'";
    for (const std::string& line : changed_models(before_.info, now_.info)) {
      if (line.starts_with(name)) return "; " + line;
    }
    return {};
  }

  const RunData& now_;
  const RunData& before_;
  const RegressionOptions& options_;
  TrialIndex index_now_;
  TrialIndex index_before_;
  std::vector<Match> points_ = match_points(before_.info, now_.info);
  std::vector<Match> contenders_ = match_contenders(before_.info, now_.info);
  std::vector<CheckResult> results_;
};

}  // namespace

const std::vector<std::string>& default_regression_metrics() {
  static const std::vector<std::string> kMetrics = metrics_with(&Metric::regression);
  return kMetrics;
}

std::vector<CheckResult> check_regressions(const RunData& now, const RunData& before,
                                           const RegressionOptions& options) {
  if (const std::string why = why_nothing_in_common(before.info, now.info); !why.empty()) {
    throw Error(why, "compare runs of the same experiment");
  }
  return RegressionCheck(now, before, options).run();
}

}  // namespace inferbench
