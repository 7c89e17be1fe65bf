// SPDX-License-Identifier: Apache-2.0
#include "predict/predictor.hpp"

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

std::vector<std::string> names_of(const std::map<std::string, ContenderFacts>& contenders) {
  std::vector<std::string> names;
  for (const auto& [name, facts] : contenders) names.push_back(name);
  return names;
}

}  // namespace

ConfigurationPrediction predict_configuration(const Predictor& predictor, const AskedConfiguration& asked) {
  const auto facts = predictor.contenders.find(asked.contender);
  if (facts == predictor.contenders.end()) {
    throw Error("contender '" + asked.contender + "' was not measured",
                suggestion(asked.contender, "contenders", names_of(predictor.contenders)));
  }
  const MachineLimits* limits = predictor.limits ? &*predictor.limits : nullptr;
  const Setting setting = setting_of(asked.contender, facts->second, limits);
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
