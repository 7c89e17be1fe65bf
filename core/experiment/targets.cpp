// SPDX-License-Identifier: Apache-2.0
#include "experiment/targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "experiment/contenders.hpp"
#include "experiment/section.hpp"
#include "experiment/yaml_value.hpp"
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

// `name`: "targets" or "interactive".
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
         "two bounds are two entries");
  }
  target.at_least = at_least != nullptr;
  read_bound(target.at_least ? *at_least : *at_most, name + (target.at_least ? ".at_least" : ".at_most"),
             allow_baseline, target);
  return target;
}

std::string read_contender(const YamlNode& node, const std::vector<Contender>& contenders) {
  std::string name = read_text(node, "targets.contender");
  const std::vector<std::string> known = contender_names(contenders);
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    fail(node.at,
         fmt::format("targets.contender: unknown contender {}; {}", quote(name), suggestion(name, "contenders", known)),
         "name one of them, or leave 'contender' out to judge all");
  }
  return name;
}

}  // namespace

std::vector<Target> read_targets(const YamlNode* node, const std::vector<Contender>& contenders) {
  std::vector<Target> targets;
  if (node == nullptr || (node->kind == YamlNode::Kind::kList && node->items.empty())) return targets;
  for (const YamlNode* item : read_items(*node, "targets")) {
    Target target = read_judgement(*item, "targets", true);
    if (const YamlNode* contender = optional_value(*item, "contender")) {
      target.contender = read_contender(*contender, contenders);
    }
    targets.push_back(std::move(target));
  }
  return targets;
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
