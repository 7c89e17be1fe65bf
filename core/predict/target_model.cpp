// SPDX-License-Identifier: Apache-2.0
#include "predict/target_model.hpp"

#include <cmath>
#include <set>

#include "predict/tree_features.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

// If the sum of terms is zero, as for a contender without weights, the trees' correction would be unbounded.
constexpr double kLeast = 1e-9;

BoostedTrees fit_trees(const TargetModel& model, std::span<const Sample* const> samples) {
  const bool alone = model.method == Method::kTrees;
  std::vector<std::vector<double>> rows;
  std::vector<double> labels;
  for (const Sample* sample : samples) {
    const auto measured = sample->measured.find(model.physical.target);
    if (measured == sample->measured.end()) continue;
    rows.push_back(tree_features(model.contenders, sample->setting, sample->workload));
    const double base = alone ? 1 : std::max(kLeast, model.physical.predict(sample->setting, sample->workload));
    labels.push_back(std::log(measured->second / base));
  }
  // What the terms leave is mostly noise, so the trees are few and shallow, and no leaf holds a single configuration.
  TreeOptions options = alone ? TreeOptions{} : TreeOptions{60, 2, 0.1, 5, {}};
  if (alone) options.monotone = tree_monotony(model.contenders);
  return BoostedTrees::train(rows, labels, options);
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kTrees:
      return "trees";
    case Method::kPhysicalAndTrees:
      return "physical and trees";
    case Method::kPhysical:
      break;
  }
  return "physical";
}

Method method_from(std::string_view text) {
  for (const Method method : kMethods) {
    if (to_string(method) == text) return method;
  }
  throw Error("unknown method '" + std::string(text) + "'");
}

double TargetModel::predict(const Setting& setting, const Workload& workload) const {
  if (!physical.coefficients.contains(setting.contender)) return 0;
  const double base = method == Method::kTrees ? 1 : std::max(kLeast, physical.predict(setting, workload));
  if (!trees) return base;
  return base * std::exp(trees->predict(tree_features(contenders, setting, workload)));
}

TargetModel fit_target(const std::string& target, Method method, std::span<const Sample* const> samples) {
  TargetModel model{method, fit_physical_model(target, samples), {}, std::nullopt};
  for (const auto& [contender, coefficients] : model.physical.coefficients) model.contenders.push_back(contender);
  if (method != Method::kPhysical) model.trees = fit_trees(model, samples);
  return model;
}

}  // namespace inferbench
