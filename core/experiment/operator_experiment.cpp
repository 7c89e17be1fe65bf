// SPDX-License-Identifier: Apache-2.0
#include "experiment/operator_experiment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "experiment/contenders.hpp"
#include "experiment/document.hpp"
#include "experiment/operator_shapes.hpp"
#include "experiment/section.hpp"
#include "experiment/settings.hpp"
#include "experiment/yaml_value.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

// ---- the flags as a YAML tree, in which messages name the flag instead of a line ----

std::shared_ptr<const YamlSource> source_of(const std::string& flag, const std::string& value) {
  return std::make_shared<const YamlSource>(
      YamlSource{one_line(fmt::format("--{} {}", flag, value), 120), std::filesystem::path(), false});
}

YamlNode scalar(const std::string& flag, const std::string& value) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.at = {source_of(flag, value), 1, 1};
  node.text = value;
  return node;
}

YamlNode list_node(std::vector<YamlNode> items) {
  YamlNode node;
  node.kind = YamlNode::Kind::kList;
  node.at = items.front().at;
  node.items = std::move(items);
  return node;
}

YamlNode scalars(const std::string& flag, const std::vector<std::string>& values) {
  std::vector<YamlNode> items;
  for (const std::string& value : values) items.push_back(scalar(flag, value));
  return list_node(std::move(items));
}

void put(YamlNode& map, const std::string& key, YamlNode value) {
  const Position at = value.at;
  if (YamlEntry* entry = map.find(key)) {
    *entry = {key, at, std::move(value)};
  } else {
    map.entries.push_back({key, at, std::move(value)});
  }
}

// "rows=[1,128],in=768" -> {rows: [1,128], in: 768}
YamlNode shape_of_flag(const std::string& text) {
  const auto source = source_of("shape", text);
  const auto refuse = [&] {
    fail({source, 1, 1}, "expected KEY=VALUE,...", "for example --shape rows=128,in=768,out=[768,3072]");
  };
  std::string yaml = "{";
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') ++depth;
    if (i < text.size() && text[i] == ']') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    const std::string part = text.substr(begin, i - begin);
    const std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string::npos) refuse();
    yaml += fmt::format("{}{}: {}", begin == 0 ? "" : ", ", part.substr(0, equals), part.substr(equals + 1));
    begin = i + 1;
  }
  YamlNode node = parse_yaml(yaml + "}", source);
  if (node.kind != YamlNode::Kind::kMap) refuse();
  return node;
}

YamlNode ops_of_flags(const OperatorFlags& flags) {
  std::vector<YamlNode> shapes;
  for (const std::string& text : flags.shapes) shapes.push_back(shape_of_flag(text));
  std::vector<YamlNode> items;
  for (const std::string& op : flags.ops) {
    YamlNode name = scalar("op", op);
    if (shapes.empty()) {
      items.push_back(std::move(name));
      continue;
    }
    YamlNode item;
    item.kind = YamlNode::Kind::kMap;
    item.at = name.at;
    put(item, "op", std::move(name));
    put(item, "shape", list_node(shapes));
    items.push_back(std::move(item));
  }
  return list_node(std::move(items));
}

void lay_flags_over(YamlNode& root, const OperatorFlags& flags) {
  if (!flags.backends.empty()) put(root, "backends", scalars("backend", flags.backends));
  if (!flags.baseline.empty()) put(root, "baseline", scalar("baseline", flags.baseline));
  if (!flags.model.empty()) put(root, "model", scalar("model", flags.model));
  if (!flags.tokens.empty()) put(root, "tokens", scalars("tokens", flags.tokens));
  if (!flags.ops.empty()) put(root, "ops", ops_of_flags(flags));
  if (flags.ops.empty() && !flags.shapes.empty()) {
    throw Error("--shape " + one_line(flags.shapes.front(), 120) + ": no --op names the operator",
                "for example --op linear --shape " + one_line(flags.shapes.front(), 60));
  }
  if (!flags.threads.empty()) put(root, "threads", scalars("threads", flags.threads));
  YamlNode measure;
  measure.kind = YamlNode::Kind::kMap;
  if (!flags.blocks.empty()) put(measure, "blocks", scalar("blocks", flags.blocks));
  if (!flags.sample_ms.empty()) put(measure, "sample_ms", scalar("sample-ms", flags.sample_ms));
  if (!flags.cache.empty()) put(measure, "cache", scalar("cache", flags.cache));
  if (measure.entries.empty()) return;
  measure.at = measure.entries.front().at;
  YamlEntry* given = root.find("measure");
  if (given != nullptr && given->value.kind == YamlNode::Kind::kMap) {
    merge_yaml(given->value, std::move(measure));
  } else {
    put(root, "measure", std::move(measure));
  }
}

// ---- from the YAML tree to the experiment ----

OperatorMeasure read_operator_measure(const YamlNode* node, const ExperimentLookups& lookups) {
  OperatorMeasure measure;
  if (node == nullptr) return measure;
  const Section section(*node, operator_experiment_keys(), "measure");
  section.integer("blocks", measure.blocks);
  section.number("sample_ms", measure.sample_ms);
  section.seed("seed", measure.seed);
  section.integer("repeat_disturbed", measure.repeat_disturbed);
  measure.cpus = read_cpus(section.find("cpus"), lookups);
  if (const YamlNode* cache = section.find("cache")) {
    const std::string text = read_text(*cache, "measure.cache");
    const auto known = operator_cache_from(text);
    if (!known) {
      fail(cache->at,
           fmt::format("measure.cache: found {}; {}", quote(text),
                       suggestion(text, "caches", section.key("cache").choices)),
           "cold reads the weights from memory, hot from where the previous run left them");
    }
    measure.cache = *known;
  }
  return measure;
}

std::vector<std::int32_t> read_counts(const Section& root, const char* name, std::vector<std::int32_t> fallback) {
  const YamlNode* node = root.find(name);
  if (node == nullptr) return fallback;
  std::vector<std::int32_t> counts;
  for (const YamlNode* item : read_items(*node, name)) {
    const auto count = static_cast<std::int32_t>(read_integer(*item, root.key(name)));
    if (std::find(counts.begin(), counts.end(), count) == counts.end()) counts.push_back(count);
  }
  return counts;
}

ShapeDefaults read_defaults(const Section& root, const ExperimentLookups& lookups) {
  const YamlNode* model = root.find("model");
  const std::string reference = model == nullptr ? kDefaultOperatorModel : read_text(*model, "model");
  ShapeDefaults defaults;
  try {
    defaults.config =
        lookups.model(reference, model == nullptr ? std::filesystem::path() : model->at.source->folder).config;
  } catch (const Error& error) {
    fail_lookup(model == nullptr ? root.node().at : model->at, error, "for example synthetic:gpt2");
  }
  defaults.tokens = read_counts(root, "tokens", {1, 128});
  return defaults;
}

YamlNode all_operators(const Position& at) {
  YamlNode node;
  node.kind = YamlNode::Kind::kList;
  node.at = at;
  for (const std::string& name : operator_names()) node.items.push_back(scalar("op", name));
  return node;
}

OperatorExperiment build_operators(const YamlNode& root, const ExperimentLookups& lookups) {
  const Section section(root, operator_experiment_keys(), "");
  OperatorExperiment experiment;
  if (const YamlNode* name = section.find("name")) experiment.name = read_text(*name, "name");
  const YamlEntry* backends = root.find("backends");
  if (backends == nullptr) fail(root.at, "'backends' is missing, expected for example backends: [cpu_ref]", "add it");
  ContenderList list = read_contenders(backends->value, lookups, operator_experiment_keys());
  experiment.contenders = std::move(list.contenders);
  experiment.left_out = std::move(list.left_out);
  experiment.baseline = read_baseline(root, experiment.contenders);
  const YamlNode* ops = section.find("ops");
  const std::vector<OperatorSpec> specs =
      read_operators(ops == nullptr ? all_operators(root.at) : *ops, read_defaults(section, lookups));
  experiment.measure = read_operator_measure(section.find("measure"), lookups);
  const auto threads = read_counts(section, "threads", {usable_of(experiment.measure.cpus, lookups)});
  for (const OperatorSpec& spec : specs) {
    for (const std::int32_t n : threads) experiment.points.push_back({spec, n});
  }
  experiment.limits = read_limits(section.find("limits"));
  return experiment;
}

}  // namespace

OperatorExperiment load_operator_experiment(const std::optional<std::filesystem::path>& path,
                                            const OperatorFlags& flags, const ExperimentLookups& lookups) {
  if (!path && flags.backends.empty()) {
    throw Error("neither an experiment nor a --backend is given",
                "for example: inferbench ops --backend cpu_ref --backend cpu_quant:int8 --op linear");
  }
  YamlNode root;
  root.kind = YamlNode::Kind::kMap;
  root.at = {source_of("backend", flags.backends.empty() ? "" : flags.backends.front()), 1, 1};
  if (path) root = read_document(lookups.read_file(*path), *path, flags.set, lookups);
  if (!path && !flags.set.empty()) throw Error("--set changes a file, but none is given", "name the experiment");
  lay_flags_over(root, flags);
  OperatorExperiment experiment = build_operators(root, lookups);
  if (path) experiment.folder = path->parent_path();
  if (experiment.name.empty()) experiment.name = path ? path->stem().string() : "operators";
  return experiment;
}

}  // namespace inferbench
