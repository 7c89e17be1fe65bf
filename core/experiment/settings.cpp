// SPDX-License-Identifier: Apache-2.0
#include "experiment/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/section.hpp"
#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr const char* kMaxKlKey = "quality.max_kl.<precision or contender>";

std::filesystem::path read_readable(const YamlNode& node, const char* what, const ExperimentLookups& lookups) {
  std::filesystem::path path = read_path(node, what);
  try {
    lookups.check_readable(path);
  } catch (const Error& error) {
    fail(node.at, fmt::format("{}: {}; expected a readable text file", what, error.what()), error.cure());
  }
  return path;
}

// Throws if the text has fewer than `needed` tokens of the model. `node` is where the file names the text.
void check_length(const YamlNode& node, const std::string& what, const std::filesystem::path& text,
                  const ModelFacts& model, std::size_t needed, const char* reason, const ExperimentLookups& lookups) {
  std::size_t found = 0;
  try {
    found = lookups.count_tokens(model, text, needed);
  } catch (const Error& error) {
    fail_lookup(node.at, Error(fmt::format("{}: {}", what, error.what()), error.cure()),
                fmt::format("leave {} out for random token ids, or run this model in a separate experiment", what));
  }
  if (found >= needed) return;
  fail(node.at,
       fmt::format("{}: '{}' has only {} for {}, expected at least {}: {}", what, text.string(),
                   counted(found, "token"), model.name, needed, reason),
       "give a longer text");
}

std::int32_t longest_prompt(const std::vector<Point>& points, const std::string& model) {
  std::int32_t longest = 0;
  for (const Point& point : points) {
    if (point.model == model) longest = std::max(longest, point.past_tokens + point.prompt_tokens);
  }
  return longest;
}

void read_max_kl(const YamlNode& node, const ContenderList& list, Quality& quality) {
  if (node.kind != YamlNode::Kind::kMap) {
    fail_type(node, "quality.max_kl", "a map of precision or contender: nats per token, such as {int8: 2e-4}");
  }
  std::vector<std::string> known = contender_names(list.contenders);
  known.insert(known.end(), list.precisions.begin(), list.precisions.end());
  for (const YamlEntry& entry : node.entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      fail(entry.at,
           fmt::format("quality.max_kl: no contender or precision has the name {}; {}", quote(entry.key),
                       suggestion(entry.key, "names", known)),
           "name a contender, or a precision that its backend offers");
    }
    Key key = experiment_keys().at(kMaxKlKey);
    key.path = "quality.max_kl." + entry.key;
    quality.max_kl[entry.key] = read_number(entry.value, key);
  }
}

using LimitsModeName = std::pair<std::string_view, MachineLimitsMode>;
constexpr std::array<LimitsModeName, 3> kLimitsModes{
    {{"auto", MachineLimitsMode::kAuto}, {"always", MachineLimitsMode::kAlways}, {"never", MachineLimitsMode::kNever}}};

template <typename Value, std::size_t N>
std::string_view name_of(Value value, const std::array<std::pair<std::string_view, Value>, N>& choices) {
  for (const auto& [name, choice] : choices) {
    if (choice == value) return name;
  }
  return choices.front().first;
}

Until read_until(const YamlNode& node, std::int32_t blocks) {
  const Section section(node, experiment_keys(), "measure.until");
  Until until;
  until.max_blocks = std::max(until.max_blocks, blocks);
  section.share("ratio_interval", until.ratio_interval);
  if (const YamlNode* most = section.find("max_blocks")) {
    // Fewer than measure.blocks would contradict it.
    Key key = section.key("max_blocks");
    key.least = std::max(key.least, static_cast<double>(blocks));
    until.max_blocks = static_cast<std::int32_t>(read_integer(*most, key));
  }
  section.number("max_minutes", until.max_minutes);
  return until;
}

}  // namespace

std::string_view to_string(MachineLimitsMode mode) {
  return name_of(mode, kLimitsModes);
}

Prompts read_prompts(const YamlNode* node, const std::vector<Point>& points, const std::vector<ModelFacts>& models,
                     const ExperimentLookups& lookups) {
  Prompts prompts;
  if (node == nullptr) return prompts;
  const Section section(*node, experiment_keys(), "prompts");
  section.seed("seed", prompts.seed);
  const YamlNode* file = section.find("file");
  if (file == nullptr) return prompts;
  prompts.file = read_readable(*file, "prompts.file", lookups);
  for (const ModelFacts& model : models) {
    const auto longest = static_cast<std::size_t>(longest_prompt(points, model.reference));
    check_length(*file, "prompts.file", *prompts.file, model, longest, "the longest prompt", lookups);
  }
  return prompts;
}

std::vector<int> read_cpus(const YamlNode* node, const ExperimentLookups& lookups) {
  std::set<int> cpus;
  if (node == nullptr) return {};
  for (const YamlNode* item : read_items(*node, "measure.cpus")) {
    const std::string word = read_text(*item, "measure.cpus");
    try {
      for (const int cpu : lookups.cpus(word)) cpus.insert(cpu);
    } catch (const Error& error) {
      fail(item->at, fmt::format("measure.cpus: {}", error.what()), error.cure());
    }
  }
  return {cpus.begin(), cpus.end()};
}

std::int32_t usable_of(const std::vector<int>& cpus, const ExperimentLookups& lookups) {
  return cpus.empty() ? lookups.usable_cpus : std::min(lookups.usable_cpus, static_cast<std::int32_t>(cpus.size()));
}

MeasureSettings read_measure(const YamlNode* node, const ExperimentLookups& lookups) {
  MeasureSettings measure;
  if (node == nullptr) return measure;
  const Section section(*node, experiment_keys(), "measure");
  section.integer("blocks", measure.blocks);
  section.integer("warmup", measure.warmup);
  section.number("cooldown_s", measure.cooldown_s);
  section.seed("seed", measure.seed);
  if (const YamlNode* until = section.find("until")) measure.until = read_until(*until, measure.blocks);
  section.integer("repeat_disturbed", measure.repeat_disturbed);
  section.choice("machine_limits", measure.machine_limits, kLimitsModes);
  section.flag("fresh_processes", measure.fresh_processes);
  measure.cpus = read_cpus(section.find("cpus"), lookups);
  return measure;
}

LoadSettings read_load(const YamlNode* node) {
  LoadSettings load;
  if (node == nullptr) return load;
  Section(*node, experiment_keys(), "load").choice("cache", load.cache, kPageCaches);
  return load;
}

Limits read_limits(const YamlNode* node) {
  Limits limits;
  if (node == nullptr) return limits;
  const Section section(*node, experiment_keys(), "limits");
  section.number("timeout_s", limits.timeout_s);
  section.bytes("memory", limits.memory_bytes);
  return limits;
}

std::optional<Quality> read_quality(const YamlNode* node, const ContenderList& list,
                                    const std::vector<ModelFacts>& models, const ExperimentLookups& lookups) {
  if (node == nullptr) return std::nullopt;
  const Section section(*node, experiment_keys(), "quality");
  Quality quality;
  const YamlNode* reference = section.find("reference");
  if (reference != nullptr) quality.reference = read_text(*reference, "quality.reference");
  const Position& at = reference == nullptr ? node->at : reference->at;
  try {
    quality.reference = lookups.backend(quality.reference, at.source->folder).reference;
  } catch (const Error& error) {
    fail(at, fmt::format("quality.reference: {}; {}", error.what(), error.cure()),
         "'inferbench backends' lists the available ones");
  }
  section.integer("windows", quality.windows);
  if (const YamlNode* text = section.find("text")) {
    quality.text = read_readable(*text, "quality.text", lookups);
    for (const ModelFacts& model : models) {
      const auto needed = static_cast<std::size_t>(std::min(model.config.max_positions, kMinTextTokens)) + 1;
      check_length(*text, "quality.text", *quality.text, model, needed, "one window of predictions", lookups);
    }
  }
  if (const YamlNode* max_kl = section.find("max_kl")) read_max_kl(*max_kl, list, quality);
  return quality;
}

}  // namespace inferbench
