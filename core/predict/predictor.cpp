// SPDX-License-Identifier: Apache-2.0
#include "predict/predictor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "stats/student_t.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr double kManyDegrees = 1e6;  // Student's t is then practically the normal distribution

// The distribution of log(measured / predicted) that an interval of `half_width` implies: a Student's t whose central
// interval at kPredictionLevel is that interval. A probability then never contradicts the interval next to it.
double probability_at_most(double prediction, double half_width, std::size_t n_residuals, double bound) {
  const double df = std::max<double>(1, static_cast<double>(n_residuals) - 1);
  const double scale = half_width / student_t_quantile(0.5 + kPredictionLevel / 2, df);
  const double distance = std::log(bound / prediction);
  if (scale <= 0) return distance >= 0 ? 1 : 0;
  return student_t_cdf(distance / scale, df);
}

template <typename T>
std::vector<std::string> names_of(const std::map<std::string, T>& entries) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) names.push_back(name);
  return names;
}

const MachineLimits* asked_limits(const Predictor& predictor, const AskedConfiguration& asked) {
  if (asked.limits) {
    if (!predictor.machines.empty()) return &*asked.limits;
    throw Error("this predictor was fitted without machine limits, so it knows only one machine",
                "fit it again from runs that contain their limits, or with predict fit --limits machine.json");
  }
  if (predictor.machines.size() > 1) {
    throw Error(fmt::format("this predictor knows {}", counted(predictor.machines.size(), "machine")),
                fmt::format("choose one with --machine '{}', or give --limits machine.json",
                            fmt::join(names_of(predictor.machines), "' or '")));
  }
  return predictor.machines.empty() ? nullptr : &predictor.machines.begin()->second;
}

// A fit with the limits of a device asks for those of the other machine's device.
void require_device_limits(const Predictor& predictor, const Setting& setting) {
  const auto had = [&](const auto& machine) {
    return Setting{setting.contender, {}, 0, &machine.second, setting.device}.knows_limits();
  };
  const bool was_known = std::any_of(predictor.machines.begin(), predictor.machines.end(), had);
  if (setting.device.empty() || was_known == setting.knows_limits()) return;
  throw Error(fmt::format("the limits of {} {} known here, but {} when {} was fitted", setting.device,
                          was_known ? "are not" : "are", was_known ? "were" : "were not", setting.contender),
              "give --limits that has them as the fitted runs do: the `machine` of a run.json, or leave it out");
}

}  // namespace

// Uses the residuals of the same kind: inside or beyond the measured range. If the data have too few of one kind (with
// two values on each axis, both are edges), all residuals are used. Predictions beyond the range never get a narrower
// interval than those inside.
std::optional<double> interval_half_width(const TargetPredictor& target, bool outside) {
  std::vector<double> all = target.residuals_inside;
  all.insert(all.end(), target.residuals_outside.begin(), target.residuals_outside.end());
  const auto width_of = [&](const std::vector<double>& same) {
    const std::optional<double> half = conformal_half_width(same, kPredictionLevel);
    return half ? half : conformal_half_width(all, kPredictionLevel);
  };
  std::optional<double> half = width_of(target.residuals_inside);
  if (outside) half = std::max(half, width_of(target.residuals_outside));
  if (!half) return half;
  // Errors within a run and the drift between runs are independent, so their squares add.
  const double quantile = student_t_quantile(0.5 + kPredictionLevel / 2, kManyDegrees);
  return std::hypot(*half, quantile * target.assumed_drift);
}

Setting asked_setting(const Predictor& predictor, const AskedConfiguration& asked) {
  const auto facts = predictor.contenders.find(asked.contender);
  if (facts == predictor.contenders.end()) {
    throw Error("contender '" + asked.contender + "' was not measured",
                suggestion(asked.contender, "contenders", names_of(predictor.contenders)));
  }
  const Setting setting = setting_of(asked.contender, facts->second, asked_limits(predictor, asked));
  require_device_limits(predictor, setting);
  return setting;
}

ConfigurationPrediction predict_configuration(const Predictor& predictor, const AskedConfiguration& asked) {
  const Setting setting = asked_setting(predictor, asked);
  ConfigurationPrediction prediction{
      asked, beyond_ranges(predictor.ranges.at(asked.contender), asked.workload), {}, {}};
  for (const auto& [name, target] : predictor.targets) {
    const double value = target.model.predict(setting, asked.workload);
    if (value <= 0) continue;  // this contender does not have the metric
    Prediction& here = prediction.targets[name];
    here.value = value;
    const std::optional<double> half = interval_half_width(target, !prediction.beyond.empty());
    if (!half) continue;
    here.interval = Interval{value * std::exp(-*half), value * std::exp(*half)};
    if (name == "decode_ms_per_token") {
      const std::size_t n = target.residuals_inside.size() + target.residuals_outside.size();
      prediction.meets_threshold = probability_at_most(value, *half, n, predictor.threshold_ms);
    }
  }
  return prediction;
}

}  // namespace inferbench
