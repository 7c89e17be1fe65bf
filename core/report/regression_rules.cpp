// SPDX-License-Identifier: Apache-2.0
#include "report/regression_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "experiment/axes.hpp"
#include "experiment/metrics.hpp"
#include "experiment/point_filter.hpp"
#include "results/model_identity.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

constexpr const char* kExample = "for example --threshold 5, decode_tokens_per_s=3% or ttft_ms@prompt=512,batch=8=10%";
constexpr double kMostPercent = 1000;

[[noreturn]] void refuse(const std::string& text, const std::string& why, const std::string& cure = kExample) {
  throw Error(fmt::format("--threshold {}: {}", one_line(text, 80), why), cure);
}

double parse_percent(const std::string& text, std::string_view digits, bool rate) {
  if (digits.ends_with('%')) digits.remove_suffix(1);
  double percent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  const bool number = error == std::errc() && end == digits.data() + digits.size() && !digits.empty();
  if (!number || !(percent >= 0) || percent > kMostPercent) {
    refuse(text, fmt::format("'{}' is not a percentage from 0 to {}", one_line(digits, 20), kMostPercent));
  }
  if (rate && percent >= 100) refuse(text, "a rate cannot be lower by 100% or more");
  return percent / 100;
}

std::string axis_of(std::string_view key) {
  const auto* const rule =
      std::find_if(kAxisRules.begin(), kAxisRules.end(), [&](const AxisRule& axis) { return axis.label == key; });
  return std::string(rule == kAxisRules.end() ? key : rule->name);
}

std::string known_model(const std::string& text, const std::string& word, const RunInfo& run) {
  std::vector<std::string> names;
  for (const ModelIdentity& model : run.models) {
    if (model.reference == word || model.name == word) return model.reference;
    names.push_back(model.name);
  }
  refuse(text, fmt::format("the run has no model '{}'", one_line(word, 40)), suggestion(word, "models", names));
}

void put_condition(const std::string& text, const std::string& condition, const RunInfo& run, RegressionRule& rule) {
  const std::size_t equals = condition.find('=');
  if (equals == std::string::npos) refuse(text, fmt::format("'{}' is not KEY=VALUE", one_line(condition, 40)));
  const std::string key = axis_of(std::string_view(condition).substr(0, equals));
  const std::string value = condition.substr(equals + 1);
  if (key == "model") {
    rule.where.model = known_model(text, value, run);
    return;
  }
  if (key == "contender") {
    rule.contender = value;
    return;
  }
  std::vector<std::string> keys{"model", "contender"};
  for (const AxisRule& axis : kAxisRules) keys.emplace_back(axis.name);
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
    refuse(text, fmt::format("unknown key '{}'", one_line(key, 40)), suggestion(key, "keys", keys));
  }
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    refuse(text, fmt::format("{} '{}' is not a whole number", key, one_line(value, 20)));
  }
  rule.where.axes[key] = number;
}

// A condition that matches nothing would silently fall back to the default threshold.
void check_used(const std::string& text, const RegressionRule& rule, const RunInfo& run) {
  const std::vector<std::string> metrics = judged_metric_names();
  if (!rule.metric.empty() && std::find(metrics.begin(), metrics.end(), rule.metric) == metrics.end()) {
    refuse(text, fmt::format("unknown metric '{}'", one_line(rule.metric, 40)),
           suggestion(rule.metric, "metrics", metrics));
  }
  if (!rule.contender.empty()) {
    std::vector<std::string> names;
    for (const Contender& contender : run.contenders) names.push_back(contender.name);
    if (std::find(names.begin(), names.end(), rule.contender) == names.end()) {
      refuse(text, fmt::format("the run has no contender '{}'", one_line(rule.contender, 40)),
             suggestion(rule.contender, "contenders", names));
    }
  }
  const bool any =
      std::any_of(run.points.begin(), run.points.end(), [&](const Point& point) { return matches(rule.where, point); });
  if (!any) refuse(text, fmt::format("no point has {}", filter_text(rule.where)), "name values that the run has");
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool rule_is_for(const RegressionRule& rule, const std::string& metric, const std::string& contender,
                 const Point& point) {
  if (!rule.metric.empty() && rule.metric != metric) return false;
  if (!rule.contender.empty() && rule.contender != contender) return false;
  return matches(rule.where, point);
}

std::size_t conditions_of_rule(const RegressionRule& rule) {
  return conditions_of(rule.where) + (rule.metric.empty() ? 0 : 1) + (rule.contender.empty() ? 0 : 1);
}

}  // namespace

RegressionRule parse_threshold(const std::string& text, const RunInfo& run) {
  RegressionRule rule;
  const std::size_t equals = text.rfind('=');
  const std::string_view all(text);
  const std::string_view head = equals == std::string::npos ? std::string_view() : all.substr(0, equals);
  const std::size_t at = head.find('@');
  rule.metric = head.substr(0, at);
  if (at != std::string_view::npos) {
    for (const std::string& condition : split(head.substr(at + 1), ',')) put_condition(text, condition, run, rule);
  }
  if (equals != std::string::npos && head.empty()) refuse(text, "the metric before '=' is missing");
  check_used(text, rule, run);
  rule.threshold = parse_percent(text, all.substr(equals == std::string::npos ? 0 : equals + 1),
                                 !rule.metric.empty() && more_is_better(rule.metric));
  return rule;
}

double threshold_of(const std::vector<RegressionRule>& rules, const std::string& metric, const std::string& contender,
                    const Point& point) {
  const RegressionRule* best = nullptr;
  for (const RegressionRule& rule : rules) {
    if (!rule_is_for(rule, metric, contender, point)) continue;
    if (best == nullptr || conditions_of_rule(rule) >= conditions_of_rule(*best)) best = &rule;
  }
  return best == nullptr ? kDefaultThreshold : best->threshold;
}

std::vector<std::string> judged_metrics(const std::vector<RegressionRule>& rules,
                                        const std::vector<std::string>& metrics) {
  std::vector<std::string> judged = metrics.empty() ? default_regression_metrics() : metrics;
  for (const RegressionRule& rule : rules) {
    const bool known = rule.metric.empty() || std::find(judged.begin(), judged.end(), rule.metric) != judged.end();
    if (!known) judged.push_back(rule.metric);
  }
  return judged;
}

}  // namespace inferbench
