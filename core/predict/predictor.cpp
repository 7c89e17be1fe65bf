// SPDX-License-Identifier: Apache-2.0
#include "predict/predictor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

// Residuals of the same kind of question: inside what was measured, or beyond it. Where the data cannot make the one
// kind (two values on each axis are both edges), all residuals serve.
std::vector<double> residuals_for(const TargetPredictor& target, bool outside) {
  const std::vector<double>& same = outside ? target.residuals_outside : target.residuals_inside;
  if (conformal_half_width(same, kPredictionLevel)) return same;
  std::vector<double> all = target.residuals_inside;
  all.insert(all.end(), target.residuals_outside.begin(), target.residuals_outside.end());
  return all;
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
    throw Error("this predictor was learned without machine limits: it knows one machine only",
                "learn again from runs that hold their limits, or with predict fit --limits machine.json");
  }
  if (predictor.machines.size() > 1) {
    throw Error(fmt::format("this predictor knows {} machines", predictor.machines.size()),
                fmt::format("say which with --machine '{}', or --limits machine.json",
                            fmt::join(names_of(predictor.machines), "' or '")));
  }
  return predictor.machines.empty() ? nullptr : &predictor.machines.begin()->second;
}

}  // namespace

Setting asked_setting(const Predictor& predictor, const AskedConfiguration& asked) {
  const auto facts = predictor.contenders.find(asked.contender);
  if (facts == predictor.contenders.end()) {
    throw Error("contender '" + asked.contender + "' was not measured",
                suggestion(asked.contender, "contenders", names_of(predictor.contenders)));
  }
  return setting_of(asked.contender, facts->second, asked_limits(predictor, asked));
}

ConfigurationPrediction predict_configuration(const Predictor& predictor, const AskedConfiguration& asked) {
  const Setting setting = asked_setting(predictor, asked);
  ConfigurationPrediction prediction{asked, beyond_ranges(predictor.ranges.at(asked.contender), asked.workload), {}, 0};
  for (const auto& [name, target] : predictor.targets) {
    const double value = target.model.predict(setting, asked.workload);
    if (value <= 0) continue;  // this contender has no such metric
    const std::vector<double> residuals = residuals_for(target, !prediction.beyond.empty());
    Prediction& here = prediction.targets[name];
    here.value = value;
    if (const auto half = conformal_half_width(residuals, kPredictionLevel)) {
      here.interval = Interval{value * std::exp(-*half), value * std::exp(*half)};
    }
    if (name == "decode_ms_per_token") {
      prediction.meets_threshold = probability_at_most(value, residuals, predictor.threshold_ms);
    }
  }
  return prediction;
}

}  // namespace inferbench
