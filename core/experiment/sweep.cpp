// SPDX-License-Identifier: Apache-2.0
#include "experiment/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/section.hpp"
#include "experiment/serving_lengths.hpp"
#include "experiment/yaml_value.hpp"
#include "model/distinct_names.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kPromptAxis = 1;
constexpr std::size_t kGenerateAxis = 2;
constexpr std::size_t kBatchAxis = 3;
constexpr std::size_t kPastAxis = 4;
constexpr std::size_t kPrefixAxis = 5;

bool contains(const std::vector<std::int32_t>& values, std::int32_t value) {
  return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

std::string list_of(const std::vector<AxisValue>& values) {
  std::vector<std::int32_t> numbers;
  numbers.reserve(values.size());
  for (const AxisValue& value : values) numbers.push_back(value.value);
  return fmt::format("{}", fmt::join(numbers, ", "));
}

// Words that are accepted as threads: "all", and "doubling" for 1, 2, 4, ... all. With them one file fits every
// machine.
std::vector<std::int32_t> thread_word(const YamlNode& node, const Key& key, std::int32_t usable_cpus) {
  if (node.kind != YamlNode::Kind::kScalar || node.quoted) return {};
  if (std::find(key.choices.begin(), key.choices.end(), node.text) == key.choices.end()) return {};
  if (node.text == "all") return {usable_cpus};
  if (node.text != "doubling") return {};
  std::vector<std::int32_t> counts;
  for (std::int32_t n = 1; n < usable_cpus; n *= 2) counts.push_back(n);
  counts.push_back(usable_cpus);
  return counts;
}

std::vector<std::int32_t> read_axis_item(const YamlNode& node, const Key& key, std::int32_t usable_cpus,
                                         std::int32_t most_threads) {
  if (key.most != 0) return {static_cast<std::int32_t>(read_integer(node, key))};
  if (auto counts = thread_word(node, key, usable_cpus); !counts.empty()) return counts;
  Key bounded = key;
  bounded.most = most_threads;
  try {
    return {static_cast<std::int32_t>(read_integer(node, bounded))};
  } catch (const Error&) {
    fail_type(node, key.path,
              fmt::format("a whole number from 1 to {} (the CPUs usable here), {}", most_threads,
                          fmt::join(key.choices, ", or ")));
  }
}

std::vector<AxisValue> read_axis(const YamlNode& node, const Key& key, std::int32_t usable_cpus,
                                 std::int32_t most_threads) {
  std::vector<AxisValue> axis;
  const std::string& what = key.path;
  for (const YamlNode* item : read_items(node, what)) {
    const std::vector<std::int32_t> values = read_axis_item(*item, key, usable_cpus, most_threads);
    for (const std::int32_t value : values) {
      const bool known = std::any_of(axis.begin(), axis.end(), [&](const AxisValue& v) { return v.value == value; });
      if (known) {
        fail(item->at, fmt::format("{}: {} occurs twice on the axis, expected distinct values", what, value),
             "remove one of the two");
      }
      axis.push_back({value, item->at, false});
    }
    if (axis.size() > static_cast<std::size_t>(kMaxPoints)) {
      fail(item->at, fmt::format("{}: more than {}, expected fewer", what, counted(kMaxPoints, "value")),
           "shorten the list");
    }
  }
  return axis;
}

// The values of one key of an exclusion. Each must be on its axis: a value that excludes nothing is a mistake.
std::vector<std::int32_t> read_excluded(const YamlNode& node, const Key& key, const std::vector<AxisValue>& axis,
                                        std::int32_t usable_cpus, std::int32_t most_threads) {
  std::vector<std::int32_t> values;
  for (const YamlNode* item : read_items(node, key.path)) {
    const std::int32_t value = read_axis_item(*item, key, usable_cpus, most_threads).front();
    if (std::none_of(axis.begin(), axis.end(), [&](const AxisValue& v) { return v.value == value; })) {
      fail(item->at,
           fmt::format("sweep.exclude: no point has {} {}, expected one of: {}", key.name(), value, list_of(axis)),
           "correct the value, or remove the exclusion");
    }
    values.push_back(value);
  }
  return values;
}

std::vector<std::string> read_excluded_models(const YamlNode& node, const std::vector<SweepModel>& models) {
  std::vector<std::string> references;
  for (const YamlNode* item : read_items(node, "sweep.exclude.model")) {
    const std::string text = read_text(*item, "sweep.exclude.model");
    const auto found = std::find_if(models.begin(), models.end(), [&](const SweepModel& model) {
      return model.written == text || model.facts.reference == text;
    });
    if (found == models.end()) {
      std::vector<std::string> known;
      known.reserve(models.size());
      for (const SweepModel& model : models) known.push_back(model.written);
      fail(item->at,
           fmt::format("sweep.exclude: no point has the model {}; {}", quote(text), suggestion(text, "models", known)),
           "write the model as under 'models', or remove the exclusion");
    }
    references.push_back(found->facts.reference);
  }
  return references;
}

Exclusion read_exclusion(const YamlNode& node, const Sweep& sweep, const std::vector<SweepModel>& models,
                         std::int32_t usable_cpus, std::int32_t most_threads) {
  const Section map(node, experiment_keys(), "sweep.exclude");
  if (node.entries.empty()) {
    fail(node.at, "sweep.exclude: an empty map would exclude every point, expected at least one key",
         "for example {prompt_tokens: 512, batch: 4}");
  }
  Exclusion exclusion;
  if (const YamlEntry* model = node.find("model")) exclusion.models = read_excluded_models(model->value, models);
  for (std::size_t i = 0; i < kAxes; ++i) {
    if (const YamlEntry* entry = node.find(kAxisRules[i].name)) {
      exclusion.values[i] =
          read_excluded(entry->value, map.key(kAxisRules[i].name), sweep.axes[i], usable_cpus, most_threads);
    }
  }
  return exclusion;
}

void check_size(const Sweep& sweep, std::size_t n_models) {
  auto points = static_cast<std::int64_t>(n_models * sweep.scenarios.size());
  for (const auto& axis : sweep.axes) {
    points *= static_cast<std::int64_t>(axis.size());
    if (points <= kMaxPoints) continue;
    fail(axis.front().at,
         fmt::format("sweep: the axes multiply to more than {}, expected fewer", counted(kMaxPoints, "point")),
         "shorten the lists, or split the experiment");
  }
}

using Chosen = std::array<const AxisValue*, kAxes>;

// The index-th combination; the last axis varies fastest.
Chosen choose(const Sweep& sweep, std::int64_t index) {
  Chosen chosen{};
  for (std::size_t i = kAxes; i-- > 0;) {
    const auto size = static_cast<std::int64_t>(sweep.axes[i].size());
    chosen[i] = &sweep.axes[i][static_cast<std::size_t>(index % size)];
    index /= size;
  }
  return chosen;
}

// The axis value that an error about the context length should point at.
const AxisValue& to_blame(const Chosen& chosen, std::int64_t room) {
  if (room >= 1 && !chosen[kPromptAxis]->is_default) return *chosen[kPromptAxis];
  return chosen[kPastAxis]->value > 0 ? *chosen[kPastAxis] : *chosen[kGenerateAxis];
}

void check_context(const Point& point, const SweepModel& model, const Chosen& chosen) {
  const std::int64_t positions = positions_of(point);
  const std::int64_t context = model.facts.config.max_positions;
  if (positions <= context) return;
  // The last generated token is never fed, so it needs no position.
  const std::int64_t room = context - (positions - point.prompt_tokens);
  const std::string past = point.past_tokens > 0 ? fmt::format("{} past + ", point.past_tokens) : "";
  const std::string fewer = point.past_tokens > 0 ? "fewer past_tokens or generate_tokens" : "fewer generate_tokens";
  fail(to_blame(chosen, room).at,
       fmt::format("sweep: {}{} prompt + {} need {}, but the model {} has a context of {}; "
                   "expected {}",
                   past, point.prompt_tokens, counted(point.generate_tokens, "generated token"),
                   counted(positions, "position"), quote(model.written), context,
                   room >= 1 ? fmt::format("prompt_tokens up to {} there", room) : fewer),
       fmt::format("shorten it, or exclude it: {{model: {}, prompt_tokens: {}}}", model.written, point.prompt_tokens));
}

// A request of a trace that is too long is a failed request. Of the other scenarios, none may be.
void check_scenario_context(const Point& point, const SweepModel& model, const ScenarioValue& value,
                            const Serving& serving) {
  const std::int64_t positions = positions_of(point);
  const std::int64_t context = model.facts.config.max_positions;
  // The longest prompt and the longest answer of a file need not occur together: has_outputs.
  if (value.scenario->kind == ScenarioKind::kTrace || has_outputs(serving) || positions <= context) return;
  fail(value.at,
       fmt::format("sweep.scenario: the longest requests of '{}' have {} prompt + {} and need {}, but the model {} has "
                   "a context of {}",
                   point.scenario, point.prompt_tokens, counted(point.generate_tokens, "generated token"),
                   counted(positions, "position"), quote(model.written), context),
       "shorten the prompts or the generated tokens, in 'sweep' or in 'serving'");
}

// Whether another combination gives the same point of the scenario: one that differs on an axis that it does not have.
bool repeats_a_scenario(const Sweep& sweep, const Chosen& chosen, const Scenario& scenario, const Serving& serving) {
  const bool traced = scenario.kind == ScenarioKind::kTrace;
  const bool prompts = traced || serving.prompt_tokens || !serving.lengths_from.empty();
  const bool outputs = traced || serving.generate_tokens || has_outputs(serving);
  const auto later = [&](std::size_t axis) { return chosen[axis] != &sweep.axes[axis].front(); };
  return later(kBatchAxis) || later(kPastAxis) || (prompts && later(kPromptAxis)) || (outputs && later(kGenerateAxis));
}

void check_point(const Point& point, const SweepModel& model, const Chosen& chosen, const ScenarioValue& value,
                 const Serving& serving) {
  if (value.scenario) {
    check_scenario_context(point, model, value, serving);
  } else {
    check_context(point, model, chosen);
  }
  const std::int64_t prefix_room = std::int64_t{point.past_tokens} + point.prompt_tokens;
  if (point.shared_prefix_tokens > prefix_room) {
    fail(chosen[kPrefixAxis]->at,
         fmt::format("sweep: a shared prefix of {} is longer than the {} of past and prompt, expected "
                     "shared_prefix_tokens up to {} there",
                     counted(point.shared_prefix_tokens, "token"), counted(prefix_room, "token"), prefix_room),
         fmt::format("shorten it, or exclude it: {{shared_prefix_tokens: {}, prompt_tokens: {}}}",
                     point.shared_prefix_tokens, point.prompt_tokens));
  }
  const std::int64_t context = model.facts.config.max_positions;
  const std::int64_t tokens = value.scenario ? std::min(positions_of(point), context) : positions_of(point);
  if (tokens * point.batch > std::numeric_limits<std::int32_t>::max()) {
    fail(
        chosen[kBatchAxis]->at,
        fmt::format("sweep: a batch of {} with {} each needs {}, expected at most {}", counted(point.batch, "sequence"),
                    counted(tokens, "position"), tokens * point.batch, std::numeric_limits<std::int32_t>::max()),
        "use a smaller batch");
  }
}

}  // namespace

bool Exclusion::matches(const Point& point) const {
  if (!models.empty() && std::find(models.begin(), models.end(), point.model) == models.end()) return false;
  for (std::size_t i = 0; i < kAxes; ++i) {
    if (!contains(values[i], point.*kAxisRules[i].field)) return false;
  }
  return true;
}

std::vector<SweepModel> read_models(const YamlNode& node, const ExperimentLookups& lookups) {
  std::vector<SweepModel> models;
  for (const YamlNode* item : read_items(node, "models")) {
    if (models.size() == kMaxModels) {
      fail(item->at, fmt::format("models: more than {}, expected fewer", kMaxModels), "split the experiment");
    }
    SweepModel model{read_text(*item, "models"), {}, item->at};
    try {
      model.facts = lookups.model(model.written, item->at.source->folder);
    } catch (const Error& error) {
      fail_lookup(item->at, error, "correct the reference, or remove the model");
    }
    const auto same = std::find_if(models.begin(), models.end(), [&](const SweepModel& other) {
      return other.facts.reference == model.facts.reference ||
             (!model.facts.place.empty() && other.facts.place == model.facts.place);
    });
    if (same != models.end()) {
      fail(item->at,
           fmt::format("models: {} is the same as {} at {}, expected distinct models", quote(model.written),
                       quote(same->written), same->at.text_beside(item->at)),
           "remove one of the two");
    }
    models.push_back(std::move(model));
  }
  std::vector<NamedModel> named;
  for (const SweepModel& model : models) named.push_back({model.facts.reference, model.facts.name});
  const std::vector<std::string> names = distinct_names(named);
  for (std::size_t i = 0; i < models.size(); ++i) models[i].facts.name = names[i];
  return models;
}

Sweep read_sweep(const YamlNode* node, const Position& fallback, const std::vector<SweepModel>& models,
                 std::int32_t usable_cpus, std::int32_t most_threads) {
  Sweep sweep;
  if (node != nullptr) check_map(*node, experiment_keys(), "sweep");
  for (std::size_t i = 0; i < kAxes; ++i) {
    const AxisRule& rule = kAxisRules[i];
    if (const YamlEntry* entry = node == nullptr ? nullptr : node->find(rule.name)) {
      sweep.axes[i] =
          read_axis(entry->value, experiment_keys().at(key_path("sweep", rule.name)), usable_cpus, most_threads);
    } else {
      sweep.axes[i] = {{rule.counts_cpus() ? usable_cpus : rule.fallback, fallback, true}};
    }
  }
  sweep.scenarios = read_scenarios(node == nullptr ? nullptr : optional_value(*node, "scenario"), fallback);
  check_size(sweep, models.size());
  const YamlNode* exclude = node == nullptr ? nullptr : optional_value(*node, "exclude");
  if (exclude == nullptr || (exclude->kind == YamlNode::Kind::kList && exclude->items.empty())) return sweep;
  sweep.exclude_at = exclude->at;
  if (exclude->items.size() > kMaxExclusions) {
    fail(exclude->at, fmt::format("sweep.exclude: more than {}, expected fewer", counted(kMaxExclusions, "entry")),
         "exclude whole lists of values: {batch: [4, 8], prompt_tokens: [512, 1024]}");
  }
  for (const YamlNode* item : read_items(*exclude, "sweep.exclude")) {
    sweep.exclusions.push_back(read_exclusion(*item, sweep, models, usable_cpus, most_threads));
  }
  return sweep;
}

std::vector<Point> sweep_points(const Sweep& sweep, const std::vector<SweepModel>& models, const Serving& serving) {
  std::int64_t combinations = 1;
  for (const auto& axis : sweep.axes) combinations *= static_cast<std::int64_t>(axis.size());
  std::vector<Point> points;
  for (const SweepModel& model : models) {
    for (std::int64_t index = 0; index < combinations; ++index) {
      const Chosen chosen = choose(sweep, index);
      Point point;
      point.model = model.facts.reference;
      for (std::size_t i = 0; i < kAxes; ++i) point.*kAxisRules[i].field = chosen[i]->value;
      for (const ScenarioValue& value : sweep.scenarios) {
        if (value.scenario && repeats_a_scenario(sweep, chosen, *value.scenario, serving)) continue;
        const Point there = value.scenario ? scenario_point(point, *value.scenario, serving) : point;
        const bool excluded = std::any_of(sweep.exclusions.begin(), sweep.exclusions.end(),
                                          [&](const Exclusion& exclusion) { return exclusion.matches(there); });
        if (excluded) continue;
        check_point(there, model, chosen, value, serving);
        points.push_back(there);
      }
    }
  }
  if (points.empty()) {
    fail(sweep.exclude_at, "sweep: 'exclude' leaves no point, expected at least one", "remove an exclusion");
  }
  return points;
}

}  // namespace inferbench
