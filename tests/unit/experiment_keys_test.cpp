// SPDX-License-Identifier: Apache-2.0
// Compares the table of keys with everything derived from it: the reader, the reference page and the JSON Schema.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "experiment/document.hpp"
#include "experiment/key_reference.hpp"
#include "experiment/key_schema.hpp"
#include "experiment/keys.hpp"
#include "experiment/operator_experiment.hpp"
#include "experiment/yaml_json.hpp"
#include "support/json_schema.hpp"
#include "support/test_paths.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A kind of experiment file: its keys, and a small file to set them in.
struct Kind {
  const char* name;
  const KeyTable& keys;
  std::string base;
  nlohmann::json schema = nlohmann::json::parse(json_schema_of(keys, name).dump());
};

const Kind& run_kind() {
  static const Kind kind{"run", experiment_keys(),
                         "backends: [cpu_ref, \"cpu_quant:int8\"]\nmodels: [synthetic:gpt2, synthetic:gpt2-medium]\n"
                         "sweep: {prompt_tokens: [32, 128, 512], generate_tokens: [16, 32, 64], batch: [1, 2, 8], "
                         "threads: [2, 1], past_tokens: [0, 16, 256], shared_prefix_tokens: [0, 16, 32], "
                         "scenario: [batch, {closed: {concurrency: 8}}]}\n"};
  return kind;
}

const Kind& ops_kind() {
  static const Kind kind{"ops", operator_experiment_keys(), "backends: [cpu_ref, \"cpu_quant:int8\"]\n"};
  return kind;
}

StubWorld world_with_files() {
  StubWorld world;
  world.files = {{"/exp/base.yaml", "name: base\n"},
                 {"/exp/prompts.txt", std::string(4096, 'x')},
                 {"/exp/wiki.txt", std::string(4096, 'x')}};
  world.files[(fs::current_path() / "trace.csv").string()] = "arrival_s,prompt_tokens,output_tokens\n0,100,20\n";
  // Paths in --set are relative to the working directory.
  for (const char* name : {"prompts.txt", "wiki.txt"}) {
    world.files[(fs::current_path() / name).string()] = std::string(4096, 'x');
  }
  return world;
}

ExperimentLookups lookups_of(const StubWorld& world) {
  ExperimentLookups lookups = world.lookups();
  lookups.model = [](const std::string& reference, const fs::path& folder) {
    ModelFacts facts = StubWorld::model(reference, folder);
    const bool medium = reference == "synthetic:gpt2-medium";
    set_gpt2_sizes(facts.config, 12, medium ? 16 : 12, medium ? 1024 : 768, 1024, 50257);
    return facts;
  };
  return lookups;
}

/// The result of reading the file, as text: equal texts mean equal experiments.
std::string meaning_of(const Kind& kind, const std::string& text, const std::vector<std::string>& overrides) {
  StubWorld world = world_with_files();
  world.files["/exp/e.yaml"] = text;
  const ExperimentLookups lookups = lookups_of(world);
  if (&kind == &run_kind()) return load_experiment_text(text, "/exp/e.yaml", overrides, lookups).resolved_yaml;
  OperatorFlags flags;
  flags.set = overrides;
  const OperatorExperiment e = load_operator_experiment("/exp/e.yaml", flags, lookups);
  std::string meaning =
      fmt::format("{} {} {} {} {} {} {} {} {} {}\n", e.name, e.baseline, e.measure.blocks, e.measure.sample_ms,
                  e.measure.seed, e.measure.repeat_disturbed, to_string(e.measure.cache), e.limits.timeout_s,
                  e.limits.memory_bytes, cpu_list_text(e.measure.cpus));
  for (const Contender& contender : e.contenders) {
    meaning += contender.name;
    for (const auto& [key, value] : contender.options) meaning += " " + key + "=" + value;
    meaning += "\n";
  }
  for (const OperatorPoint& point : e.points) {
    meaning += fmt::format("{} {} {} {}\n", operator_name(point.spec.op), shape_text(point.spec), point.spec.activation,
                           point.threads);
  }
  return meaning;
}

std::string mistake_in(const Kind& kind, const std::string& text, const std::vector<std::string>& overrides) {
  try {
    meaning_of(kind, text, overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Empty if the JSON Schema accepts the file.
std::string schema_error(const Kind& kind, const std::string& text, const std::vector<std::string>& overrides) {
  const StubWorld world = world_with_files();
  const YamlNode root = read_document(text, "/exp/e.yaml", overrides, lookups_of(world));
  return test::validate_json(nlohmann::json::parse(yaml_as_json(root).dump()), kind.schema);
}

bool is_of_endpoints(const Key& key) {
  static const std::set<std::string> kNames{"endpoint", "model", "api_key_env", "chat", "prompts", "timeout_s"};
  return key.parent() == "backends" && kNames.contains(std::string(key.name()));
}

// Keys that a map also needs before `key` can be tried in it.
std::vector<std::pair<std::string, std::string>> companions(const Key& key) {
  const std::string parent(key.parent());
  if (is_of_endpoints(key)) return {{"endpoint", "\"http://127.0.0.1:1/v1\""}, {"model", "m"}};
  if (parent == "backends") return {{"plugin", key.name() == "device" ? "cuda" : "cpu_quant"}};
  if (parent == "targets" || parent == "interactive") {
    if (key.name() == "at_least") return {{"metric", "ttft_ms"}};
    return {{"metric", "ttft_ms"}, {"at_most", "100"}};
  }
  if (parent == "regressions") return {{"threshold", "5%"}};
  if (parent == "sweep.scenario.open") return {{"rate", "1"}};
  if (parent == "sweep.scenario.find.max_rate") return {{"objective", "{ttft_ms: 200}"}};
  if (parent == "sweep.scenario.find.max_rate.objective") {
    return {key.name() == "ttft_ms" ? std::pair("tpot_ms", "50") : std::pair("ttft_ms", "200")};
  }
  if (parent == "serving.prompt_tokens" || parent == "serving.generate_tokens") {
    if (key.name() == "sigma") return {{"min", "1"}, {"max", "100"}, {"median", "50"}};
    return {{"min", "1"}, {"max", "100"}};
  }
  if (parent == "serving.cost") return {{"per_hour", "1"}, {"currency", "EUR"}};
  if (parent == "ops") return {{"op", "linear"}};
  return {};
}

// An operator whose shape has this key.
std::string operator_with(std::string_view shape_key) {
  for (std::size_t op = 0; op < operator_names().size(); ++op) {
    for (const std::string& key : operator_keys(static_cast<std::int32_t>(op))) {
      if (key == shape_key) return operator_names()[op];
    }
  }
  return "linear";
}

/// The --set options that make room for the key in Kind::base.
std::vector<std::string> room_for(const Key& key) {
  if (is_of_endpoints(key)) return {"models=synthetic:gpt2", "sweep.scenario=offline"};
  return {};
}

/// The --set that gives `key` the value and completes the maps around it. Without a value, it leaves the key out.
std::string setting(const Kind& kind, const Key& key, const std::optional<std::string>& value) {
  static const std::map<std::string, std::string> kNames{
      {"x-<name>", "x-common"}, {"<option>", "isa"}, {"<precision or contender>", "int8"}};
  const auto named = kNames.find(std::string(key.name()));
  const std::string name = named == kNames.end() ? std::string(key.name()) : named->second;
  if (key.parent().empty()) return value ? name + "=" + *value : "x-none=";
  std::string map = "{";
  for (const auto& [other, text] : companions(key)) {
    if (other != name) map += fmt::format("{}{}: {}", map.size() > 1 ? ", " : "", other, text);
  }
  if (value) map += fmt::format("{}{}: {}", map.size() > 1 ? ", " : "", name, *value);
  map += "}";
  const Key& section = kind.keys.at(key.parent());
  if (section.path == "ops.shape") return fmt::format("ops={{op: {}, shape: {}}}", operator_with(name), map);
  return setting(kind, section, map);
}

/// The same, after the ones that make room for the key.
std::vector<std::string> settings(const Kind& kind, const Key& key, const std::optional<std::string>& value) {
  std::vector<std::string> overrides = room_for(key);
  overrides.push_back(setting(kind, key, value));
  return overrides;
}

class ExperimentKeys : public testing::TestWithParam<const Kind*> {
 protected:
  const Kind& kind() const { return *GetParam(); }
};

TEST_P(ExperimentKeys, EveryExampleIsReadAndMeansSomething) {
  for (const Key& key : kind().keys.rows()) {
    SCOPED_TRACE(key.path);
    ASSERT_FALSE(key.meaning.empty());
    ASSERT_FALSE(key.example.empty());
    if (key.path == "extends") {
      const std::string extended = "extends: " + key.example + "\n" + kind().base;
      EXPECT_THAT(meaning_of(kind(), extended, {}), HasSubstr("base"));
      continue;
    }
    const std::vector<std::string> with = settings(kind(), key, key.example);
    std::string meaning;
    ASSERT_NO_THROW(meaning = meaning_of(kind(), kind().base, with)) << mistake_in(kind(), kind().base, with);
    EXPECT_EQ(schema_error(kind(), kind().base, with), "");
    if (key.required || key.type == KeyType::kAnything || key.path == "backends.optional") continue;
    if (key.path == "backends.plugin" || key.path == "backends.endpoint") continue;  // one of them is required
    std::vector<std::string> without = settings(kind(), key, std::nullopt);
    if (key.path == "backends.model") without = settings(kind(), key, "7777");
    if (key.parent() == "sweep.exclude") without = {"x-none="};  // an empty exclusion is an error
    // A bound may only be missing if the other one is there.
    if (key.name() == "at_least" || key.name() == "at_most") without = {setting(kind(), key, "7777")};
    EXPECT_NE(meaning, meaning_of(kind(), kind().base, without)) << "the reader does not use it";
  }
}

TEST_P(ExperimentKeys, DefaultsAreWhatTheReaderTakes) {
  int tried = 0;
  for (const Key& key : kind().keys.rows()) {
    if (key.fallback.empty()) continue;
    SCOPED_TRACE(key.path);
    ++tried;
    EXPECT_TRUE(key.fallback_words.empty());
    // The file without its axes.
    const std::string base = kind().base.substr(0, kind().base.find("sweep:"));
    EXPECT_EQ(meaning_of(kind(), base, settings(kind(), key, key.fallback)),
              meaning_of(kind(), base, settings(kind(), key, std::nullopt)));
  }
  EXPECT_GE(tried, 7);
}

TEST_P(ExperimentKeys, WhatTheTableLacksIsRefusedByReaderAndSchema) {
  int maps = 0;
  for (const Key& key : kind().keys.rows()) {
    if (key.type != KeyType::kMap || kind().keys.names_below(key.path).empty()) continue;
    SCOPED_TRACE(key.path);
    ++maps;
    Key wrong = kind().keys.at(key_path(key.path, kind().keys.names_below(key.path).back()));
    wrong.path = key.path + ".zzzz";
    const std::vector<std::string> overrides{setting(kind(), wrong, "1")};
    EXPECT_THAT(mistake_in(kind(), kind().base, overrides), HasSubstr("zzzz"));
    EXPECT_NE(schema_error(kind(), kind().base, overrides), "");
  }
  EXPECT_GE(maps, 4);
  EXPECT_THAT(mistake_in(kind(), kind().base, {"zzzz=1"}), HasSubstr("unknown key 'zzzz'"));
  EXPECT_NE(schema_error(kind(), kind().base, {"zzzz=1"}), "");
}

TEST_P(ExperimentKeys, ValuesOfTheWrongTypeOrOutOfRangeAreRefusedByReaderAndSchema) {
  int tried = 0;
  for (const Key& key : kind().keys.rows()) {
    std::vector<std::string> wrong;
    if (key.type == KeyType::kAnything || key.type == KeyType::kMap || key.path == "extends") continue;
    wrong.emplace_back("{zzzz: 1}");
    if (!key.list) wrong.emplace_back("[[1]]");
    if (key.type == KeyType::kChoice || key.type == KeyType::kFlag || key.type == KeyType::kSeed) {
      wrong.emplace_back("zzzz");
    }
    if (key.type == KeyType::kInteger || key.type == KeyType::kNumber || key.type == KeyType::kShare) {
      wrong.emplace_back("zzzz");
      wrong.push_back(fmt::format("{}", key.least - 1));
      if (key.most != 0) wrong.push_back(fmt::format("{}", key.most + 1));
    }
    if (key.type == KeyType::kCpus) wrong.insert(wrong.end(), {"zzzz", "-1", "node:x"});
    if (key.type == KeyType::kBytes || key.type == KeyType::kBound) wrong.insert(wrong.end(), {"zzzz", "0", "-1"});
    for (const std::string& value : wrong) {
      SCOPED_TRACE(key.path + ": " + value);
      ++tried;
      const std::vector<std::string> overrides = settings(kind(), key, value);
      EXPECT_NE(mistake_in(kind(), kind().base, overrides), "no error");
      EXPECT_NE(schema_error(kind(), kind().base, overrides), "");
    }
  }
  EXPECT_GE(tried, 60);
}

TEST_P(ExperimentKeys, KeysWithoutAValueAreReadAsTheSchemaSays) {
  for (const Key& key : kind().keys.rows()) {
    if (key.type == KeyType::kAnything || key.is_any_name() || key.path == "extends") continue;
    SCOPED_TRACE(key.path);
    const std::vector<std::string> overrides = settings(kind(), key, "");
    EXPECT_EQ(mistake_in(kind(), kind().base, overrides) == "no error",
              schema_error(kind(), kind().base, overrides).empty())
        << mistake_in(kind(), kind().base, overrides) << schema_error(kind(), kind().base, overrides);
  }
}

std::string kind_name(const testing::TestParamInfo<const Kind*>& info) {
  return info.param->name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, ExperimentKeys, testing::Values(&run_kind(), &ops_kind()), kind_name);

TEST(ExperimentKeyTable, ShapesHaveTheKeysOfTheOperators) {
  std::vector<std::string> used;
  for (std::size_t op = 0; op < operator_names().size(); ++op) {
    for (const std::string& key : operator_keys(static_cast<std::int32_t>(op))) {
      if (std::find(used.begin(), used.end(), key) == used.end()) used.push_back(key);
    }
  }
  EXPECT_THAT(operator_experiment_keys().names_below("ops.shape"), testing::UnorderedElementsAreArray(used));
}

TEST(ExperimentKeyTable, UnknownPathsAreAMistakeOfTheProgram) {
  EXPECT_THROW(experiment_keys().at("measure.blokcs"), std::logic_error);
}

TEST(ExperimentSchema, EveryConfigKeepsIt) {
  for (const auto& entry : fs::recursive_directory_iterator(test_paths::kConfigs)) {
    if (entry.path().extension() != ".yaml") continue;
    const Kind& kind = entry.path().stem() == "operators" ? ops_kind() : run_kind();
    EXPECT_EQ(schema_error(kind, read_file(entry.path()), {}), "") << entry.path();
  }
}

TEST(ExperimentSchema, WhatIsMissingIsRefusedUnlessTheFileExtendsAnother) {
  EXPECT_NE(schema_error(run_kind(), "backends: cpu_ref\n", {}), "");
  EXPECT_NE(schema_error(run_kind(), "models: synthetic:gpt2\n", {}), "");
  EXPECT_NE(schema_error(run_kind(), "backends: {precision: int8}\nmodels: synthetic:gpt2\n", {}), "");
  EXPECT_NE(schema_error(run_kind(), "backends: []\nmodels: synthetic:gpt2\n", {}), "");
  EXPECT_EQ(schema_error(run_kind(), "backends: cpu_ref\nmodels: synthetic:gpt2\ntargets: []\n", {}), "");
  EXPECT_NE(schema_error(run_kind(), "backends: cpu_ref\nmodels: synthetic:gpt2\ntargets: [{at_most: 1}]\n", {}), "");
  // read_document resolves `extends`, but an editor sees it.
  const auto schema = nlohmann::json::parse(json_schema_of(experiment_keys(), "run").dump());
  EXPECT_EQ(test::validate_json({{"extends", "base.yaml"}, {"measure", {{"blocks", 9}}}}, schema), "");
  EXPECT_NE(test::validate_json({{"extends", "base.yaml"}, {"measure", {{"bloks", 9}}}}, schema), "");
}

TEST(ExperimentReference, ThePageIsWhatTheTableSays) {
  EXPECT_EQ(read_file(fs::path(test_paths::kDocs) / "experiment_reference.md"), experiment_reference())
      << "build/inferbench schema --markdown >docs/experiment_reference.md";
}

}  // namespace
}  // namespace inferbench
