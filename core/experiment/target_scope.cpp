// SPDX-License-Identifier: Apache-2.0
#include "experiment/target_scope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "experiment/axes.hpp"
#include "experiment/contenders.hpp"
#include "experiment/point_filter.hpp"
#include "experiment/serving.hpp"
#include "experiment/yaml_value.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

std::string read_model(const YamlNode& node, const std::string& what, const TargetScope& scope) {
  const std::string text = read_text(node, what);
  std::vector<std::string> words;
  for (const ModelWords& model : scope.models) {
    const bool named = std::find(model.words.begin(), model.words.end(), text) != model.words.end();
    if (named || model.reference == text) return model.reference;
    words.insert(words.end(), model.words.begin(), model.words.end());
  }
  fail(node.at, fmt::format("{}: no point has the model {}; {}", what, quote(text), suggestion(text, "models", words)),
       "write the model as under 'models'");
}

std::int32_t read_axis_value(const YamlNode& node, const Key& key, const AxisRule& rule, const TargetScope& scope) {
  std::set<std::int32_t> values;
  for (const Point& point : scope.points) values.insert(point.*rule.field);
  Key bounded = key;
  // A run may be read on a machine with fewer CPUs, so the points of the run decide, not the CPUs of this machine.
  if (rule.counts_cpus()) bounded.most = std::numeric_limits<std::int32_t>::max();
  const auto value = static_cast<std::int32_t>(read_integer(node, bounded));
  if (!values.contains(value)) {
    fail(
        node.at,
        fmt::format("{}: no point has {} {}, expected one of: {}", key.path, rule.name, value, fmt::join(values, ", ")),
        "name a value of the axis");
  }
  return value;
}

std::string read_scenario(const YamlNode& node, const Section& map, const TargetScope& scope) {
  const std::string what = map.key("scenario").path;
  std::string text = read_text(node, what);
  std::set<std::string> known;
  for (const Point& point : scope.points) known.insert(point.scenario.empty() ? kBatchScenario : point.scenario);
  if (!known.contains(text)) {
    fail(
        node.at,
        fmt::format("{}: no point has the scenario {}, expected one of: {}", what, quote(text), fmt::join(known, ", ")),
        "name a value of the axis");
  }
  return text;
}

}  // namespace

PointFilter read_filter(const Section& map, const TargetScope& scope) {
  PointFilter filter;
  if (const YamlNode* model = map.find("model")) filter.model = read_model(*model, map.key("model").path, scope);
  for (const AxisRule& rule : kAxisRules) {
    if (const YamlNode* node = map.find(rule.name)) {
      filter.axes[std::string(rule.name)] = read_axis_value(*node, map.key(rule.name), rule, scope);
    }
  }
  if (const YamlNode* node = map.find("scenario")) filter.scenario = read_scenario(*node, map, scope);
  const bool any =
      std::any_of(scope.points.begin(), scope.points.end(), [&](const Point& point) { return matches(filter, point); });
  if (any || scope.points.empty()) return filter;
  fail(map.node().at,
       fmt::format("{}: no point has {}, expected at least one", map.key("model").parent(), filter_text(filter)),
       "remove a condition");
}

std::string read_contender_of(const Section& map, const TargetScope& scope) {
  const YamlNode* node = map.find("contender");
  if (node == nullptr) return {};
  const std::string what = map.key("contender").path;
  std::string name = read_text(*node, what);
  const std::vector<std::string> known = contender_names(scope.contenders);
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    fail(node->at,
         fmt::format("{}: unknown contender {}; {}", what, quote(name), suggestion(name, "contenders", known)),
         "name one of them, or leave 'contender' out to judge all");
  }
  return name;
}

}  // namespace inferbench
