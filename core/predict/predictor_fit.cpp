// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "predict/held_out.hpp"
#include "predict/predictor.hpp"
#include "predict/run_drift.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr const char* kDecode = "decode_ms_per_token";

std::string machine_name(const RunInfo& info) {
  const auto environment = nlohmann::json::parse(info.environment, nullptr, false);
  const nlohmann::json::json_pointer model("/cpu/model");
  if (environment.is_discarded() || !environment.contains(model) || !environment[model].is_string()) {
    return "unknown machine";
  }
  return one_line(environment[model].get<std::string>(), 60);
}

// The limits of each run: the given ones, or the run's own. Runs on one machine share the limits of the first run,
// because limits measured again differ only by noise. Either all runs have limits or none, because coefficients with
// and without limits cannot be mixed.
std::vector<const MachineLimits*> limits_for(std::span<const RunData> runs, const FitOptions& options,
                                             std::map<std::string, MachineLimits>& machines) {
  for (const RunData& run : runs) {
    const auto& own = options.limits ? options.limits : run.info.machine;
    if (own) machines.emplace(machine_name(run.info), *own);
  }
  std::vector<const MachineLimits*> limits;
  std::size_t known = 0;
  for (const RunData& run : runs) {
    const auto found = machines.find(machine_name(run.info));
    limits.push_back(found == machines.end() ? nullptr : &found->second);
    if (limits.back() != nullptr) ++known;
  }
  if (known != 0 && known != runs.size()) {
    throw Error(fmt::format("no machine limits in {} of {}", runs.size() - known, counted(runs.size(), "run")),
                "inferbench machine --json > machine.json on that machine, then --limits machine.json");
  }
  return limits;
}

// Without limits of their own, machines cannot be distinguished.
void warn_of_machines(std::span<const RunData> runs, const FitOptions& options, Predictor& predictor) {
  std::set<std::string> names;
  for (const RunData& run : runs) names.insert(machine_name(run.info));
  if (names.size() < 2 || (!options.limits && !predictor.machines.empty())) return;
  predictor.warnings.push_back(fmt::format("the runs are of {} {}: learned as one machine",
                                           counted(names.size(), "machine"),
                                           options.limits ? "with the same limits" : "without known limits"));
}

void warn_of_drift(Predictor& predictor) {
  const auto decode = predictor.targets.find(kDecode);
  if (decode == predictor.targets.end() || decode->second.assumed_drift <= 0) return;
  predictor.warnings.push_back(
      fmt::format("no run repeats another, so the drift between runs is unknown and the intervals assume {:.0f}%; "
                  "repeat the sweep at another time and name all folders",
                  decode->second.assumed_drift * 100));
}

MethodValidation validation_of(Method method, std::span<const HeldOut> held_out, const std::vector<Scheme>& schemes,
                               bool decode, double threshold_ms) {
  MethodValidation validation{method, {}, {}, 0};
  for (const Scheme& scheme : schemes) {
    std::vector<HeldOut> here;
    std::copy_if(held_out.begin(), held_out.end(), std::back_inserter(here),
                 [&](const HeldOut& one) { return one.scheme == scheme.name; });
    if (here.empty()) continue;
    validation.by_scheme[scheme.name] = score(here);
    if (decode) validation.interactive[scheme.name] = score_threshold(here, threshold_ms);
  }
  for (const auto& [name, scores] : validation.by_scheme) {
    validation.mape += scores.mape / static_cast<double>(validation.by_scheme.size());
  }
  return validation;
}

void set_residuals(std::span<const HeldOut> held_out, TargetPredictor& predictor) {
  predictor.residuals_inside.clear();
  predictor.residuals_outside.clear();
  for (const HeldOut& one : held_out) {
    const double residual = std::log(one.measured / one.predicted);
    (one.edge ? predictor.residuals_outside : predictor.residuals_inside).push_back(residual);
  }
}

// The drift between runs: from left-out runs if there are enough of them, otherwise assumed.
void learn_drift(const std::string& target, std::span<const LeftOutRun> runs, TargetPredictor& predictor) {
  const std::vector<HeldOut> held_out = predict_left_out_runs(target, predictor.model.method, runs);
  TargetPredictor repeated;
  set_residuals(held_out, repeated);
  if (!interval_half_width(repeated, false)) {
    predictor.assumed_drift = assumed_drift(target);
    return;
  }
  predictor.residuals_inside = std::move(repeated.residuals_inside);
  predictor.residuals_outside = std::move(repeated.residuals_outside);
}

TargetPredictor fit_one(const std::string& target, std::span<const Sample> samples, const std::vector<Scheme>& schemes,
                        std::span<const LeftOutRun> runs, double threshold_ms) {
  TargetPredictor predictor;
  Method chosen = Method::kPhysical;
  double least = 0;
  for (const Method method : kMethods) {
    const std::vector<HeldOut> held_out = predict_held_out(target, method, samples, schemes);
    MethodValidation validation = validation_of(method, held_out, schemes, target == kDecode, threshold_ms);
    // If nothing was left out, there are too few configurations to choose by, and the first method needs the fewest.
    const bool better = method == kMethods[0] || (!held_out.empty() && validation.mape < least);
    predictor.validation.push_back(std::move(validation));
    if (!better) continue;
    chosen = method;
    least = predictor.validation.back().mape;
    set_residuals(held_out, predictor);
  }
  std::vector<const Sample*> all;
  for (const Sample& sample : samples) all.push_back(&sample);
  predictor.model = fit_target(target, chosen, all);
  learn_drift(target, runs, predictor);
  return predictor;
}

void describe_training(std::span<const RunData> runs, const TrainingSet& set, Predictor& predictor) {
  for (const RunData& run : runs) {
    predictor.trained_on.push_back(
        fmt::format("{} of {}, {}", one_line(run.info.name, 60), run.info.started, machine_name(run.info)));
    predictor.trials += static_cast<std::size_t>(
        std::count_if(run.trials.begin(), run.trials.end(), [](const auto& t) { return t.ok() && !t.warm_up(); }));
  }
  predictor.warnings = set.left_out;
  predictor.configurations = set.samples.size();
  predictor.contenders = set.contenders;
  for (const Sample& sample : set.samples) {
    add_to_ranges(predictor.ranges[sample.setting.contender], sample.workload);
    const KnownModel model{sample.model, sample.workload.shape};
    if (std::find(predictor.models.begin(), predictor.models.end(), model) == predictor.models.end()) {
      predictor.models.push_back(model);
    }
  }
}

}  // namespace

Predictor fit_predictor(std::span<const RunData> runs, const FitOptions& options) {
  if (runs.empty()) throw Error("no run to learn from", "name run folders");
  Predictor predictor;
  const auto limits = limits_for(runs, options, predictor.machines);
  const TrainingSet set = collect_samples(runs, limits);
  predictor.threshold_ms = options.threshold_ms;
  describe_training(runs, set, predictor);
  warn_of_machines(runs, options, predictor);
  const std::vector<Scheme> schemes = validation_schemes(set.samples);
  const std::vector<LeftOutRun> left_out = leave_runs_out(runs, limits);
  for (const std::string& target : prediction_targets()) {
    const bool measured = std::any_of(set.samples.begin(), set.samples.end(),
                                      [&](const Sample& sample) { return sample.measured.contains(target); });
    if (!measured) continue;
    predictor.targets[target] = fit_one(target, set.samples, schemes, left_out, options.threshold_ms);
  }
  warn_of_drift(predictor);
  return predictor;
}

}  // namespace inferbench
