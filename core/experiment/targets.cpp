// SPDX-License-Identifier: Apache-2.0
#include "experiment/targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "experiment/metrics.hpp"
#include "experiment/point_filter.hpp"
#include "experiment/section.hpp"
#include "experiment/target_scope.hpp"
#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr double kMaxBound = 1e300;

std::string read_metric(const Section& map, const std::string& section) {
  const YamlNode* node = map.find("metric");
  if (node == nullptr) {
    fail(map.node().at, section + ": 'metric' is missing, expected for example metric: decode_tokens_per_s", "add it");
  }
  std::string metric = read_text(*node, section + ".metric");
  const std::vector<std::string>& known = map.key("metric").choices;
  if (std::find(known.begin(), known.end(), metric) == known.end()) {
    fail(node->at,
         fmt::format("{}.metric: unknown metric {}; {}", section, quote(metric), suggestion(metric, "metrics", known)),
         "name one of them");
  }
  return metric;
}

bool consume_spaces(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(end);
  return end > 0;
}

// "1.5 x baseline", "1.5x baseline", "1.5 * baseline".
bool parse_times_baseline(std::string_view text, double& factor) {
  const std::size_t end = std::min(text.find_first_not_of("+-.0123456789e"), text.size());
  if (!parse_number(text.substr(0, end), factor)) return false;
  text.remove_prefix(end);
  consume_spaces(text);
  static constexpr std::array<std::string_view, 3> kSigns{"x", "*", "\xC3\x97"};
  const auto* const sign =
      std::find_if(kSigns.begin(), kSigns.end(), [&](std::string_view s) { return text.starts_with(s); });
  if (sign == kSigns.end()) return false;
  text.remove_prefix(sign->size());
  return consume_spaces(text) && text == "baseline";
}

void read_bound(const YamlNode& node, const std::string& what, bool allow_baseline, Target& target) {
  const bool is_bytes = target.metric.ends_with("_bytes");
  bool matches = node.kind == YamlNode::Kind::kScalar;
  if (matches && (parse_number(node.text, target.value) || (is_bytes && parse_bytes(node.text, target.value)))) {
    target.times_baseline = false;
  } else {
    matches = matches && allow_baseline && parse_times_baseline(node.text, target.value);
    target.times_baseline = true;
  }
  if (matches && target.value > 0 && target.value <= kMaxBound) return;
  fail_type(node, what,
            fmt::format("a number above 0{}{}", is_bytes ? " or bytes such as 600MiB" : "",
                        allow_baseline ? " or a ratio such as 1.5 x baseline" : ""));
}

// `name` is "targets" or "interactive".
Target read_judgement(const YamlNode& node, const std::string& name, bool allow_baseline) {
  const Section map(node, experiment_keys(), name);
  Target target;
  target.metric = read_metric(map, name);
  if (const YamlNode* percentile = map.find("percentile")) {
    target.percentile = read_number(*percentile, map.key("percentile"));
  }
  const YamlNode* at_least = map.find("at_least");
  const YamlNode* at_most = map.find("at_most");
  if ((at_least == nullptr) == (at_most == nullptr)) {
    fail(node.at,
         fmt::format("{}: found {} at_least and at_most, expected exactly one", name,
                     at_least == nullptr ? "neither of" : "both"),
         "write two bounds as two entries");
  }
  target.at_least = at_least != nullptr;
  read_bound(target.at_least ? *at_least : *at_most, name + (target.at_least ? ".at_least" : ".at_most"),
             allow_baseline, target);
  return target;
}

// What a point needs to have a metric, and how to get such a point.
struct Need {
  std::string what;
  std::string cure;
};

Need need_of(const Metric& metric) {
  switch (metric.points) {
    case MetricPoints::kScenario:
      return {"a scenario", "add sweep.scenario: offline"};
    case MetricPoints::kSearch:
      return {"a search for the highest rate", "add find to sweep.scenario"};
    case MetricPoints::kBatch:
    case MetricPoints::kAll:
      break;
  }
  const std::string batch = metric.points == MetricPoints::kBatch ? "a batch" : "";
  const std::string cure = "add such a point, or judge another metric";
  if (metric.least_tokens == 0) return {batch, cure};
  const std::string tokens = counted(metric.least_tokens, "generated token") + " or more";
  return {batch.empty() ? tokens : batch + " with " + tokens, cure};
}

// Throws if no point that the target names can have the metric.
void check_points(const YamlNode& node, const Target& target, const TargetScope& scope) {
  if (!scope.refuse_unmeasured || is_quality_metric(target.metric) || scope.points.empty()) return;
  const bool any = std::any_of(scope.points.begin(), scope.points.end(), [&](const Point& point) {
    return matches(target.where, point) && is_measured_at(target.metric, point);
  });
  if (any) return;
  const Need need = need_of(*find_metric(target.metric));
  const std::string where = filter_text(target.where);
  fail(node.at,
       fmt::format("targets: {} needs {}, which no point{} has", target.metric, need.what,
                   where.empty() ? "" : " at " + where),
       need.cure);
}

// Throws if the target uses a quality metric that the experiment does not measure.
void check_quality_target(const YamlNode& node, const Target& target, const TargetScope& scope) {
  if (!is_quality_metric(target.metric)) return;
  const auto refuse = [&](const std::string& why, const std::string& cure) {
    fail(node.at, fmt::format("targets: {} {}", target.metric, why), cure);
  };
  if (target.percentile) refuse("is a single value and has no percentiles", "remove 'percentile'");
  if (!target.where.axes.empty()) refuse("is measured once for each model, not at points", "remove the axes");
  if (!scope.has_quality) refuse("is measured by 'quality', which the experiment does not have", "add quality: {}");
  if (target.metric == "perplexity" && !scope.has_quality_text) {
    refuse("needs a text: it means nothing for random tokens", "add quality: {text: FILE}");
  }
  if (target.metric.ends_with("_agreement") && !target.times_baseline && target.value > 1) {
    refuse(fmt::format("is a share, found {}, expected at most 1", target.value), "write 0.99 for 99%");
  }
}

}  // namespace

std::vector<Target> read_targets(const YamlNode* node, const TargetScope& scope) {
  std::vector<Target> targets;
  if (node == nullptr || (node->kind == YamlNode::Kind::kList && node->items.empty())) return targets;
  for (const YamlNode* item : read_items(*node, "targets")) {
    Target target = read_judgement(*item, "targets", true);
    const Section map(*item, experiment_keys(), "targets");
    target.contender = read_contender_of(map, scope);
    target.where = read_filter(map, scope);
    check_quality_target(*item, target, scope);
    check_points(*item, target, scope);
    targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<RegressionRule> read_regressions(const YamlNode* node, const TargetScope& scope) {
  std::vector<RegressionRule> rules;
  if (node == nullptr || (node->kind == YamlNode::Kind::kList && node->items.empty())) return rules;
  for (const YamlNode* item : read_items(*node, "regressions")) {
    const Section map(*item, experiment_keys(), "regressions");
    RegressionRule rule;
    if (map.find("metric") != nullptr) rule.metric = read_metric(map, "regressions");
    rule.contender = read_contender_of(map, scope);
    rule.where = read_filter(map, scope);
    if (map.find("threshold") == nullptr) {
      fail(item->at, "regressions: 'threshold' is missing, expected for example threshold: 3%", "add it");
    }
    map.share("threshold", rule.threshold);
    if (!rule.metric.empty() && more_is_better(rule.metric) && rule.threshold >= 1) {
      fail(item->at, fmt::format("regressions: {} cannot be lower by 100% or more", rule.metric),
           "lower the threshold");
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::optional<Target> read_interactive(const YamlNode* node) {
  if (node == nullptr) return std::nullopt;
  return read_judgement(*node, "interactive", false);
}

std::optional<Target> interactive_of(const std::string& resolved_yaml) {
  const YamlNode root =
      parse_yaml(resolved_yaml, std::make_shared<const YamlSource>(YamlSource{"the run's experiment", {}, true}));
  return read_interactive(optional_value(root, "interactive"));
}

std::string bound_text(const Target& target) {
  return fmt::format("{}{}", target.value, target.times_baseline ? " x baseline" : "");
}

}  // namespace inferbench
