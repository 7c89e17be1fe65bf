// SPDX-License-Identifier: Apache-2.0
#include "experiment/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/yaml_value.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr double kMinRatioInterval = 1e-4;  // below it, the clock and the machine say nothing
constexpr double kMaxKl = 100;              // nats per token; log(vocabulary) is 11

std::filesystem::path read_readable(const YamlNode& node, const char* what, const ExperimentLookups& lookups) {
  std::filesystem::path path = read_path(node, what);
  try {
    lookups.check_readable(path);
  } catch (const Error& error) {
    fail(node.at, fmt::format("{}: {}; expected a readable text file", what, error.what()), error.cure());
  }
  return path;
}

using LimitsModeName = std::pair<std::string_view, MachineLimitsMode>;
constexpr std::array<LimitsModeName, 3> kLimitsModes{
    {{"auto", MachineLimitsMode::kAuto}, {"always", MachineLimitsMode::kAlways}, {"never", MachineLimitsMode::kNever}}};
using CacheName = std::pair<std::string_view, PageCache>;
constexpr std::array<CacheName, 3> kCaches{
    {{"as_is", PageCache::kAsIs}, {"warm", PageCache::kWarm}, {"cold", PageCache::kCold}}};
using FlagName = std::pair<std::string_view, bool>;
constexpr std::array<FlagName, 2> kFlags{{{"true", true}, {"false", false}}};

template <typename Value, std::size_t N>
Value read_choice(const YamlNode& node, const char* what,
                  const std::array<std::pair<std::string_view, Value>, N>& choices) {
  std::vector<std::string_view> known;
  for (const auto& [name, value] : choices) {
    if (node.kind == YamlNode::Kind::kScalar && node.text == name) return value;
    known.push_back(name);
  }
  fail_type(node, what, fmt::format("{}", fmt::join(known, " or ")));
}

template <typename Value, std::size_t N>
std::string_view name_of(Value value, const std::array<std::pair<std::string_view, Value>, N>& choices) {
  for (const auto& [name, choice] : choices) {
    if (choice == value) return name;
  }
  return choices.front().first;
}

// "1%" or 0.01.
double read_share(const YamlNode& node, const char* what, double min, double max) {
  std::string_view text = node.text;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  double value = 0;
  if (node.kind == YamlNode::Kind::kScalar && parse_number(text, value)) {
    if (percent) value /= 100;
    if (value >= min && value <= max) return value;
  }
  fail_type(node, what, fmt::format("a share from {}% to {}%, such as 1% or 0.01", min * 100, max * 100));
}

Until read_until(const YamlNode& node, std::int32_t blocks) {
  check_map(node, "measure.until", {"ratio_interval", "max_blocks", "max_minutes"});
  Until until;
  until.max_blocks = std::max(until.max_blocks, blocks);
  if (const YamlNode* interval = optional_value(node, "ratio_interval")) {
    until.ratio_interval = read_share(*interval, "measure.until.ratio_interval", kMinRatioInterval, 1);
  }
  if (const YamlNode* most = optional_value(node, "max_blocks")) {
    // An interval needs two blocks; and fewer than measure.blocks would contradict it.
    until.max_blocks =
        static_cast<std::int32_t>(read_integer(*most, "measure.until.max_blocks", std::max(blocks, 2), kMaxBlocks));
  }
  if (const YamlNode* minutes = optional_value(node, "max_minutes")) {
    until.max_minutes = read_number(*minutes, "measure.until.max_minutes", 0.001, kMaxMinutes);
  }
  return until;
}

}  // namespace

std::string_view to_string(MachineLimitsMode mode) {
  return name_of(mode, kLimitsModes);
}

std::string_view to_string(PageCache cache) {
  return name_of(cache, kCaches);
}

std::optional<PageCache> page_cache_from(std::string_view text) {
  for (const auto& [name, cache] : kCaches) {
    if (name == text) return cache;
  }
  return std::nullopt;
}

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
  check_map(
      *node, "measure",
      {"blocks", "warmup", "cooldown_s", "seed", "until", "repeat_disturbed", "machine_limits", "fresh_processes"});
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
  if (const YamlNode* until = optional_value(*node, "until")) measure.until = read_until(*until, measure.blocks);
  if (const YamlNode* repeat = optional_value(*node, "repeat_disturbed")) {
    measure.repeat_disturbed =
        static_cast<std::int32_t>(read_integer(*repeat, "measure.repeat_disturbed", 0, kMaxRepeats));
  }
  if (const YamlNode* mode = optional_value(*node, "machine_limits")) {
    measure.machine_limits = read_choice(*mode, "measure.machine_limits", kLimitsModes);
  }
  if (const YamlNode* fresh = optional_value(*node, "fresh_processes")) {
    measure.fresh_processes = read_choice(*fresh, "measure.fresh_processes", kFlags);
  }
  return measure;
}

LoadSettings read_load(const YamlNode* node) {
  LoadSettings load;
  if (node == nullptr) return load;
  check_map(*node, "load", {"cache"});
  if (const YamlNode* cache = optional_value(*node, "cache")) load.cache = read_choice(*cache, "load.cache", kCaches);
  return load;
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
