// SPDX-License-Identifier: Apache-2.0
#include "experiment/serving_lengths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr const char* kLengthsPath = "serving.lengths_from";

std::optional<LengthDistribution> read_lengths(const Section& serving, std::string_view name) {
  const YamlNode* node = serving.find(name);
  if (node == nullptr) return std::nullopt;
  const Section section(*node, experiment_keys(), serving.key(name).path);
  LengthDistribution lengths;
  lengths.kind = LengthDistribution::Kind::kUniform;
  lengths.low = static_cast<std::int32_t>(read_integer(section_value(section, "min"), section.key("min")));
  Key most = section.key("max");
  most.least = lengths.low;
  lengths.high = static_cast<std::int32_t>(read_integer(section_value(section, "max"), most));
  if (section.find("median") == nullptr) {
    const YamlNode* sigma = section.find("sigma");
    if (sigma == nullptr) return lengths;
    fail(sigma->at, fmt::format("{}: 'median' is missing, expected it beside sigma", serving.key(name).path),
         "without both, the lengths are uniform");
  }
  lengths.kind = LengthDistribution::Kind::kLognormal;
  parse_number(section.key("sigma").fallback, lengths.sigma);
  section.number("median", lengths.median);
  section.number("sigma", lengths.sigma);
  return lengths;
}

}  // namespace

const YamlNode& section_value(const Section& section, std::string_view name) {
  const YamlNode* node = section.find(name);
  if (node != nullptr) return *node;
  const Key& key = section.key(name);
  fail(section.node().at, fmt::format("'{}' is missing, expected for example {}", key.path, key.example), "add it");
}

void read_all_lengths(const Section& section, Serving& serving) {
  serving.prompt_tokens = read_lengths(section, "prompt_tokens");
  serving.generate_tokens = read_lengths(section, "generate_tokens");
  const YamlNode* from = section.find("lengths_from");
  if (from == nullptr) return;
  serving.lengths_from = read_path(*from, kLengthsPath).string();
  if (!serving.prompt_tokens) return;
  fail(from->at, fmt::format("{}: the prompts have lengths already, by serving.prompt_tokens", kLengthsPath),
       "remove one of the two");
}

void add_file_lengths(const YamlNode* node, const std::vector<ModelFacts>& models, const ExperimentLookups& lookups,
                      Serving& serving) {
  if (serving.lengths_from.empty()) return;
  const Position& at = optional_value(*node, "lengths_from")->at;
  for (const ModelFacts& model : models) {
    std::vector<RequestLengths> lengths;
    try {
      lengths = lookups.lengths(model, serving.lengths_from);
    } catch (const Error& error) {
      fail(at, fmt::format("{}: {}", kLengthsPath, error.what()), error.cure());
    }
    if (serving.generate_tokens) {
      for (RequestLengths& one : lengths) one.output = 0;
    }
    const std::size_t all = lengths.size();
    std::erase_if(lengths, [&](const RequestLengths& one) {
      return one.prompt < 1 || std::int64_t{one.prompt} + std::max(one.output, 1) - 1 > model.config.max_positions;
    });
    if (lengths.empty()) {
      fail(at,
           fmt::format("{}: none of {} fits into the context of {}, which is {}", kLengthsPath, counted(all, "prompt"),
                       model.reference, model.config.max_positions),
           "give a file with shorter prompts, or a model with a longer context");
    }
    serving.file_lengths.emplace(model.reference, std::move(lengths));
  }
}

bool has_outputs(const Serving& serving) {
  return std::any_of(serving.file_lengths.begin(), serving.file_lengths.end(), [](const auto& of_model) {
    return std::any_of(of_model.second.begin(), of_model.second.end(),
                       [](const RequestLengths& one) { return one.output > 0; });
  });
}

void set_longest(const std::vector<RequestLengths>& lengths, Point& point) {
  std::int32_t prompt = 1;
  std::int32_t output = 0;
  for (const RequestLengths& one : lengths) {
    prompt = std::max(prompt, one.prompt);
    output = std::max(output, one.output);
  }
  point.prompt_tokens = prompt;
  if (output > 0) point.generate_tokens = output;
}

}  // namespace inferbench
