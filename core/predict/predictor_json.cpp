// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "predict/physical_terms.hpp"
#include "predict/predictor.hpp"
#include "predict/run_drift.hpp"
#include "results/config_json.hpp"
#include "results/precision_json.hpp"
#include "support/error.hpp"
#include "support/json_problem.hpp"
#include "support/optional_json.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "inferbench.predictor.2";

std::optional<double> optional_from(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

Json validation_json(const MethodValidation& validation) {
  Json schemes = Json::object();
  for (const auto& [name, scores] : validation.by_scheme) {
    schemes[name] = {{"n", scores.n}, {"mape", scores.mape}, {"r2", or_null(scores.r2)}};
    const auto interactive = validation.interactive.find(name);
    if (interactive == validation.interactive.end()) continue;
    schemes[name]["meets"] = interactive->second.meets;
    schemes[name]["misses"] = interactive->second.misses;
    schemes[name]["accuracy"] = interactive->second.accuracy;
    schemes[name]["roc_auc"] = or_null(interactive->second.roc_auc);
  }
  return {{"method", to_string(validation.method)}, {"mape", validation.mape}, {"left_out", std::move(schemes)}};
}

MethodValidation validation_from(const Json& json) {
  MethodValidation validation{method_from(json.at("method").get<std::string>()), {}, {}, json.at("mape").get<double>()};
  for (const auto& [name, scores] : json.at("left_out").items()) {
    validation.by_scheme[name] = {scores.at("n").get<std::size_t>(), scores.at("mape").get<double>(),
                                  optional_from(scores.at("r2"))};
    if (!scores.contains("accuracy")) continue;
    validation.interactive[name] = {scores.at("meets").get<std::size_t>(), scores.at("misses").get<std::size_t>(),
                                    scores.at("accuracy").get<double>(), optional_from(scores.at("roc_auc"))};
  }
  return validation;
}

Json physical_json(const PhysicalModel& model) {
  const auto& names = physical_term_names(model.target);
  Json contenders = Json::object();
  for (const auto& [contender, coefficients] : model.coefficients) {
    Json& terms = contenders[contender] = Json::object();
    for (std::size_t i = 0; i < names.size(); ++i) terms[names[i]] = coefficients[i];
  }
  return contenders;
}

PhysicalModel physical_from(const std::string& target, const Json& json) {
  PhysicalModel model{target, {}};
  for (const auto& [contender, terms] : json.items()) {
    for (const std::string& name : physical_term_names(target)) {
      model.coefficients[contender].push_back(terms.at(name).get<double>());
    }
  }
  return model;
}

Json target_json(const TargetPredictor& target) {
  Json object{{"method", to_string(target.model.method)},
              {"physical", physical_json(target.model.physical)},
              {"validation", Json::array()},
              {"log_residuals", {{"inside", target.residuals_inside}, {"outside", target.residuals_outside}}},
              {"assumed_drift", target.assumed_drift}};
  for (const MethodValidation& validation : target.validation) {
    object["validation"].push_back(validation_json(validation));
  }
  if (target.model.trees) object["trees"] = Json::parse(target.model.trees->to_json());
  return object;
}

TargetPredictor target_from(const std::string& name, const Json& json) {
  TargetPredictor target;
  target.model.method = method_from(json.at("method").get<std::string>());
  target.model.physical = physical_from(name, json.at("physical"));
  for (const auto& [contender, coefficients] : target.model.physical.coefficients) {
    target.model.contenders.push_back(contender);
  }
  if (target.model.method != Method::kPhysical) target.model.trees = BoostedTrees::from_json(json.at("trees").dump());
  for (const Json& validation : json.at("validation")) target.validation.push_back(validation_from(validation));
  target.residuals_inside = json.at("log_residuals").at("inside").get<std::vector<double>>();
  target.residuals_outside = json.at("log_residuals").at("outside").get<std::vector<double>>();
  // Predictors of earlier versions do not store the drift.
  target.assumed_drift = json.value("assumed_drift", assumed_drift(name));
  return target;
}

Json contender_json(const ContenderFacts& facts, const MeasuredRanges& ranges) {
  Json object{{"precision", facts.precision}, {"bytes_per_weight", facts.bytes_per_weight}, {"measured", ranges}};
  put_precision(object, facts.meaning);
  if (!facts.device.empty()) object["device"] = facts.device;
  return object;
}

// Predictors of earlier versions do not store the precision's meaning.
ContenderFacts contender_from(const Json& json) {
  const auto precision = json.at("precision").get<std::string>();
  const auto stored = precision_from(json);
  return {precision, stored ? stored : precision_meaning(precision), json.at("bytes_per_weight").get<double>(),
          json.value("device", std::string())};
}

Json model_json(const KnownModel& model) {
  return {{"reference", model.reference}, {"shape", config_to_json(model.shape)}};
}

KnownModel known_model_from(const Json& json) {
  // Predictors of earlier versions have the sizes of a GPT-2 beside the reference.
  return {json.at("reference").get<std::string>(), config_from_json(json.value("shape", json))};
}

}  // namespace

Json to_json(const Predictor& predictor) {
  Json object{{"format", kFormat},
              {"trained_on", predictor.trained_on},
              {"configurations", predictor.configurations},
              {"trials", predictor.trials},
              {"threshold_ms", predictor.threshold_ms},
              {"machines", Json::object()},
              {"contenders", Json::object()},
              {"models", Json::array()},
              {"targets", Json::object()}};
  for (const auto& [name, limits] : predictor.machines) object["machines"][name] = to_json(limits);
  for (const auto& [name, facts] : predictor.contenders) {
    object["contenders"][name] = contender_json(facts, predictor.ranges.at(name));
  }
  for (const KnownModel& model : predictor.models) object["models"].push_back(model_json(model));
  for (const auto& [name, target] : predictor.targets) object["targets"][name] = target_json(target);
  return object;
}

Predictor predictor_from_json(const Json& json) {
  try {
    if (json.at("format").get<std::string>() != kFormat) {
      throw Error("not a predictor of this version: " + json.at("format").get<std::string>(),
                  "fit it again: inferbench predict fit RUN... --out model.json");
    }
    Predictor predictor;
    predictor.trained_on = json.at("trained_on").get<std::vector<std::string>>();
    predictor.configurations = json.at("configurations").get<std::size_t>();
    predictor.trials = json.at("trials").get<std::size_t>();
    predictor.threshold_ms = json.at("threshold_ms").get<double>();
    for (const auto& [name, limits] : json.at("machines").items()) {
      predictor.machines[name] = machine_limits_from_json(limits);
    }
    for (const auto& [name, contender] : json.at("contenders").items()) {
      predictor.contenders[name] = contender_from(contender);
      predictor.ranges[name] = contender.at("measured").get<MeasuredRanges>();
    }
    for (const Json& model : json.at("models")) predictor.models.push_back(known_model_from(model));
    for (const auto& [name, target] : json.at("targets").items()) {
      predictor.targets[name] = target_from(name, target);
    }
    return predictor;
  } catch (const Json::exception& error) {
    throw Error(fmt::format("not a predictor: {}", json_problem(error)),
                "fit it again: inferbench predict fit RUN... --out model.json");
  }
}

}  // namespace inferbench
