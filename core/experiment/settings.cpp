// SPDX-License-Identifier: Apache-2.0
#include "experiment/settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiment/bounds.hpp"
#include "experiment/yaml_value.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr double kMaxKl = 100;  // nats per token; log(vocabulary) is 11

std::filesystem::path read_readable(const YamlNode& node, const char* what, const ExperimentLookups& lookups) {
  std::filesystem::path path = read_path(node, what);
  try {
    lookups.check_readable(path);
  } catch (const Error& error) {
    fail(node.at, fmt::format("{}: {}; expected a readable text file", what, error.what()), error.cure());
  }
  return path;
}

}  // namespace

Prompts read_prompts(const YamlNode* node, const ExperimentLookups& lookups) {
  Prompts prompts;
  if (node == nullptr) return prompts;
  check_map(*node, "prompts", {"seed", "file"});
  if (const YamlNode* seed = optional_value(*node, "seed")) prompts.seed = read_seed(*seed, "prompts.seed");
  if (const YamlNode* file = optional_value(*node, "file")) {
    prompts.file = read_readable(*file, "prompts.file", lookups);
  }
  return prompts;
}

MeasureSettings read_measure(const YamlNode* node) {
  MeasureSettings measure;
  if (node == nullptr) return measure;
  check_map(*node, "measure", {"blocks", "warmup", "cooldown_s", "seed"});
  if (const YamlNode* blocks = optional_value(*node, "blocks")) {
    measure.blocks = static_cast<std::int32_t>(read_integer(*blocks, "measure.blocks", 1, kMaxBlocks));
  }
  if (const YamlNode* warmup = optional_value(*node, "warmup")) {
    measure.warmup = static_cast<std::int32_t>(read_integer(*warmup, "measure.warmup", 0, kMaxWarmup));
  }
  if (const YamlNode* cooldown = optional_value(*node, "cooldown_s")) {
    measure.cooldown_s = read_number(*cooldown, "measure.cooldown_s", 0, kMaxCooldownS);
  }
  if (const YamlNode* seed = optional_value(*node, "seed")) measure.seed = read_seed(*seed, "measure.seed");
  return measure;
}

Limits read_limits(const YamlNode* node) {
  Limits limits;
  if (node == nullptr) return limits;
  check_map(*node, "limits", {"timeout_s", "memory"});
  if (const YamlNode* timeout = optional_value(*node, "timeout_s")) {
    limits.timeout_s = read_number(*timeout, "limits.timeout_s", 0.001, kMaxTimeoutS);
  }
  if (const YamlNode* memory = optional_value(*node, "memory")) {
    limits.memory_bytes = read_bytes(*memory, "limits.memory");
  }
  return limits;
}

std::optional<Quality> read_quality(const YamlNode* node, const std::vector<std::string>& precisions,
                                    const ExperimentLookups& lookups) {
  if (node == nullptr) return std::nullopt;
  check_map(*node, "quality", {"reference", "text", "windows", "max_kl"});
  Quality quality;
  const YamlNode* reference = optional_value(*node, "reference");
  if (reference != nullptr) quality.reference = read_text(*reference, "quality.reference");
  const Position& at = reference == nullptr ? node->at : reference->at;
  try {
    quality.reference = lookups.backend(quality.reference, at.source->folder).reference;
  } catch (const Error& error) {
    fail(at, fmt::format("quality.reference: {}; {}", error.what(), error.cure()),
         "'inferbench backends' lists what is there");
  }
  if (const YamlNode* windows = optional_value(*node, "windows")) {
    quality.windows = static_cast<std::int32_t>(read_integer(*windows, "quality.windows", 1, kMaxWindows));
  }
  if (const YamlNode* text = optional_value(*node, "text"))
    quality.text = read_readable(*text, "quality.text", lookups);
  const YamlNode* max_kl = optional_value(*node, "max_kl");
  if (max_kl == nullptr) return quality;
  if (max_kl->kind != YamlNode::Kind::kMap) {
    fail_type(*max_kl, "quality.max_kl", "a map of precision: nats per token, such as {int8: 2e-4}");
  }
  for (const YamlEntry& entry : max_kl->entries) {
    if (std::find(precisions.begin(), precisions.end(), entry.key) == precisions.end()) {
      fail(entry.at,
           fmt::format("quality.max_kl: no backend here has the precision {}; {}", quote(entry.key),
                       suggestion(entry.key, "precisions", precisions)),
           "'inferbench backends' lists what each backend offers");
    }
    quality.max_kl[entry.key] = read_number(entry.value, "quality.max_kl." + entry.key, 0, kMaxKl);
  }
  return quality;
}

}  // namespace inferbench
