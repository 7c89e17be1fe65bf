// SPDX-License-Identifier: Apache-2.0
#include "model/families/rotary_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <utility>

namespace inferbench {
namespace {

// Beyond what any model has; frequencies stay finite within them.
constexpr double kMaxTheta = 1e15;
constexpr double kMinFactor = 1e-6;
constexpr double kMaxFactor = 1e6;
constexpr double kTwoPi = 2 * std::numbers::pi;

std::vector<double> plain_frequencies(double theta, std::int32_t head_dim) {
  std::vector<double> frequencies;
  for (std::int32_t i = 0; i < head_dim; i += 2)
    frequencies.push_back(std::pow(theta, -static_cast<double>(i) / head_dim));
  return frequencies;
}

// "Effective long-context scaling" as Llama 3.1 does it: long wavelengths are stretched by the factor, short ones kept,
// and those between are mixed.
void scale_llama3(std::vector<double>& frequencies, const ConfigFields& rule) {
  const double factor = rule.number("factor", kMinFactor, kMaxFactor);
  const double low = rule.number("low_freq_factor", kMinFactor, kMaxFactor);
  const double high = rule.number("high_freq_factor", kMinFactor, kMaxFactor);
  const double original = rule.size("original_max_position_embeddings", config_limits::kPositions);
  if (high <= low) {
    rule.fail("high_freq_factor", fmt::format("{} is not above low_freq_factor, {}", high, low),
              "a number above low_freq_factor is accepted");
  }
  for (double& frequency : frequencies) {
    const double turns = original * frequency / kTwoPi;  // within the original context
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = (1 - kept) * frequency / factor + kept * frequency;
  }
}

// 0.1 m ln(s) + 1 of the YaRN paper.
double yarn_temperature(double factor, double m) {
  return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1;
}

double yarn_attention_factor(const ConfigFields& rule, double factor) {
  if (rule.find("attention_factor") != nullptr) return rule.number("attention_factor", kMinFactor, kMaxFactor);
  if (rule.find("mscale") != nullptr && rule.find("mscale_all_dim") != nullptr) {
    return yarn_temperature(factor, rule.number("mscale", kMinFactor, kMaxFactor)) /
           yarn_temperature(factor, rule.number("mscale_all_dim", kMinFactor, kMaxFactor));
  }
  return yarn_temperature(factor, 1);
}

// Peng et al. 2023, "YaRN: Efficient Context Window Extension of Large Language Models" (arXiv:2309.00071), as
// transformers 5 computes it: frequencies with fewer than beta_slow turns in the original context are stretched, those
// with more than beta_fast kept, with a ramp over the pairs between.
RotaryTable yarn_table(const ConfigFields& rule, double theta, const ModelConfig& config) {
  const double original =
      rule.size("original_max_position_embeddings", config_limits::kPositions, config.max_positions);
  const double factor =
      rule.find("factor") == nullptr ? config.max_positions / original : rule.number("factor", kMinFactor, kMaxFactor);
  const double fast = rule.number("beta_fast", kMinFactor, kMaxFactor, 32.0);
  const double slow = rule.number("beta_slow", kMinFactor, kMaxFactor, 1.0);
  if (theta == 1) rule.fail("rope_theta", "is 1", "YaRN needs a base above 1");
  const auto pair_with_turns = [&](double turns) {
    return config.head_dim * std::log(original / (turns * kTwoPi)) / (2 * std::log(theta));
  };
  double begin = pair_with_turns(fast);
  double end = pair_with_turns(slow);
  if (rule.boolean("truncate", true)) {
    begin = std::floor(begin);
    end = std::ceil(end);
  }
  begin = std::max(begin, 0.0);
  end = std::min(end, config.head_dim - 1.0);
  if (begin == end) end += 0.001;
  RotaryTable table{plain_frequencies(theta, config.head_dim), yarn_attention_factor(rule, factor)};
  for (std::size_t i = 0; i < table.frequencies.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - begin) / (end - begin), 0.0, 1.0);
    table.frequencies[i] *= stretched / factor + (1 - stretched);
  }
  return table;
}

// rope_type, or type, as it was called before.
std::string rule_type(const ConfigFields& rule) {
  for (const char* key : {"rope_type", "type"}) {
    const nlohmann::json* value = rule.find(key);
    if (value == nullptr) continue;
    if (!value->is_string()) rule.fail(key, fmt::format("{} is not a name", shown(*value)), "a name is accepted");
    return value->get<std::string>();
  }
  return "default";
}

void refuse_unknown_type(const ConfigFields& rule, const std::string& type) {
  static constexpr const char* kCure = "default, linear, llama3 and yarn are supported";
  if (type == "dynamic" || type == "longrope" || type == "su") {
    rule.fail("rope_type", fmt::format("{} depends on the length of the text, which is not supported", shown(type)),
              kCure);
  }
  rule.fail("rope_type", fmt::format("{} is not supported", shown(type)), kCure);
}

void refuse_partial_rotation(const ConfigFields& fields) {
  const nlohmann::json* part = fields.find("partial_rotary_factor");
  if (part != nullptr && *part != 1) {
    fields.fail("partial_rotary_factor", fmt::format("{} is not supported", shown(*part)), "1 is supported");
  }
}

}  // namespace

RotaryTable rotary_table(const std::optional<ConfigFields>& rule, double theta, const ModelConfig& config) {
  RotaryTable table{plain_frequencies(theta, config.head_dim), 1};
  if (!rule) return table;
  refuse_partial_rotation(*rule);
  const std::string type = rule_type(*rule);
  if (type == "yarn") {
    table = yarn_table(*rule, theta, config);
  } else if (type == "llama3") {
    scale_llama3(table.frequencies, *rule);
  } else if (type == "linear") {
    const double factor = rule->number("factor", kMinFactor, kMaxFactor);
    for (double& frequency : table.frequencies) frequency /= factor;
  } else if (type != "default") {
    refuse_unknown_type(*rule, type);
  }
  return table;
}

double read_rope_theta(const ConfigFields& fields, const std::optional<ConfigFields>& rule, const char* key,
                       double fallback) {
  const nlohmann::json* outer = fields.find(key);
  const nlohmann::json* inner = rule ? rule->find("rope_theta") : nullptr;
  if (outer != nullptr && inner != nullptr && *outer != *inner) {
    rule->fail("rope_theta", fmt::format("is {}, but {} is {}", shown(*inner), key, shown(*outer)),
               "keep one of the two");
  }
  return inner != nullptr ? rule->number("rope_theta", 1, kMaxTheta) : fields.number(key, 1, kMaxTheta, fallback);
}

RotaryTable read_rotary_table(const ConfigFields& fields, const ModelConfig& config) {
  refuse_partial_rotation(fields);
  std::optional<ConfigFields> rule = fields.object("rope_parameters");
  std::optional<ConfigFields> older = fields.object("rope_scaling");
  if (rule && older && rule->json() != older->json()) {
    fields.fail("rope_scaling", "differs from rope_parameters", "keep one of the two");
  }
  const std::optional<ConfigFields>& given = rule ? rule : older;
  if (given) {
    for (const auto& [key, value] : given->json().items()) {
      if (value.is_object()) {
        given->fail(key, "rotary positions by layer type are not supported in this family",
                    "give one set for all layers");
      }
    }
  }
  return rotary_table(given, read_rope_theta(fields, given, "rope_theta", 1e4), config);
}

void add_rotary_table(ModelConfig& config, const RotaryTable& table) {
  config.rotary_frequencies.insert(config.rotary_frequencies.end(), table.frequencies.begin(), table.frequencies.end());
  config.rotary_scales.push_back(table.scale);
}

}  // namespace inferbench
