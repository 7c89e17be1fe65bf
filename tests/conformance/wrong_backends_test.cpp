// SPDX-License-Identifier: Apache-2.0
// Each wrong backend breaks the expected rules and no others, and the report says so.
#include <gmock/gmock.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "conformance/rules.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench::conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Wrong {
  const char* fault;
  std::set<std::string> broken;
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.fault;
}

// The rules that break if every model gives wrong logits.
std::set<std::string> all_numerics() {
  std::set<std::string> names{"numerics.logits_match", "numerics.decode_matches",   "numerics.narrow_checkpoints",
                              "numerics.untied_head",  "numerics.attention_scales", "numerics.norm_epsilon",
                              "numerics.odd_shapes"};
  for (const Rule& rule : feature_rules()) names.insert(rule.name);
  return names;
}

class WrongBackend : public testing::TestWithParam<Wrong> {};

TEST_P(WrongBackend, BreaksExactlyTheseRules) {
  const auto result = run_program({"conformance", INFERBENCH_WRONG_PLUGIN, "--option",
                                   std::string("fault=") + GetParam().fault, "--rounding", "0", "--json"});
  EXPECT_EQ(result.exit_code, GetParam().broken.empty() ? 0 : 1) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  std::set<std::string> broken;
  for (const auto& rule : json["precisions"][0]["rules"]) {
    if (rule["verdict"] != "broken" || rule["name"] == "life.memory_report_is_true") continue;
    broken.insert(rule["name"].get<std::string>());
    EXPECT_FALSE(rule["reasons"].empty()) << rule["name"];
  }
  EXPECT_EQ(broken, GetParam().broken);
}

/// A planted mistake, and the expected report.
struct Planted {
  const char* fault;
  const char* cause;            ///< contained in the first line
  const char* root;             ///< the broken rule from which the others follow
  int first_bad_position = -1;  ///< -1: not checked
};

void PrintTo(const Planted& planted, std::ostream* out) {
  *out << planted.fault;
}

class PlantedMistake : public testing::TestWithParam<Planted> {};

TEST_P(PlantedMistake, IsNamedInTheFirstLine) {
  const std::string option = std::string("fault=") + GetParam().fault;
  const auto result =
      run_program({"conformance", INFERBENCH_WRONG_PLUGIN, "--option", option, "--rule", GetParam().root});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  const std::string first_line = result.out.substr(0, result.out.find('\n'));
  EXPECT_THAT(first_line, AllOf(StartsWith("wrong fp32: 1 rule broken, likely cause: "), HasSubstr(GetParam().cause)));
}

TEST_P(PlantedMistake, ExplainsTheOtherBrokenRules) {
  const std::string option = std::string("fault=") + GetParam().fault;
  const auto result = run_program({"conformance", INFERBENCH_WRONG_PLUGIN, "--option", option, "--rule", "numerics",
                                   "--rule", "features", "--rule", "outputs", "--rule", "sequences", "--json"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  const auto examined = nlohmann::json::parse(result.out)["precisions"][0];
  EXPECT_THAT(examined["likely_cause"].get<std::string>(), HasSubstr(GetParam().cause));
  if (GetParam().first_bad_position >= 0) {
    EXPECT_EQ(examined["first_bad_position"], GetParam().first_bad_position);
  }
  for (const auto& rule : examined["rules"]) {
    if (rule["verdict"] != "broken") {
      EXPECT_TRUE(rule["follows_from"].is_null()) << rule["name"];
    } else if (rule["name"] != GetParam().root) {
      EXPECT_EQ(rule["follows_from"], GetParam().root) << rule["name"];
    } else {
      EXPECT_TRUE(rule["follows_from"].is_null());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, PlantedMistake,
    testing::Values(
        Planted{"transposed", "attn_out.weight is read as [inputs, outputs]", "numerics.logits_match"},
        Planted{"late_from_32", "positions are one too high from position 32 on (right up to position 31)",
                "numerics.logits_match", 32},
        Planted{"late_after_32", "positions are one too high in calls after the first 32 tokens",
                "numerics.decode_matches", 32},
        Planted{"stale_kv", "the cache is stale after a truncate", "sequences.truncate_forgets"},
        Planted{"quick_gelu", "the activation is quick-GELU", "numerics.logits_match"},
        Planted{"one_gelu", "the activation is the GELU with tanh (gelu_new) where it should be the GELU with erf",
                "features.gelu_erf"},
        Planted{"no_final_norm", "the final norm is missing", "numerics.logits_match", 0},
        Planted{"dropped_bias", "attn_out.bias is not added, in the first layer only", "numerics.logits_match"},
        Planted{"swapped_heads", "the attention's values, its mask or its output projection (layer 0)",
                "numerics.logits_match"}),
    [](const auto& one) { return std::string(one.param.fault); });

// An option that lowers the precision is not a mistake: the report says how to declare it.
TEST(ConformanceCommand, LowerPrecisionByAnOptionIsDeclared) {
  const std::vector<std::string> arguments{
      "conformance", INFERBENCH_WRONG_PLUGIN, "--option", "fault=bf16_weights", "--rule", "numerics",
      "--rule",      "sequences.chunked"};
  const auto undeclared = run_program(arguments);
  EXPECT_EQ(undeclared.exit_code, 1);
  EXPECT_THAT(undeclared.out.substr(0, undeclared.out.find('\n')),
              AllOf(HasSubstr("weights are rounded to bf16"), HasSubstr("--judge-as bf16")));
  auto declaring = arguments;
  declaring.insert(declaring.end(), {"--judge-as", "bf16"});
  const auto declared = run_program(declaring);
  EXPECT_EQ(declared.exit_code, 0) << declared.out;
  EXPECT_THAT(declared.out, StartsWith("wrong fp32, judged as bf16: "));
}

// A rule that does not apply to a backend is neither kept nor broken.
TEST(ConformanceCommand, RulesThatDoNotApplyAreNotKept) {
  const auto result =
      run_program({"conformance", INFERBENCH_WRONG_PLUGIN, "--option", "fault=deaf", "--rule",
                   "table.unknown_extension", "--rule", "callbacks.cancel", "--rule", "life.concurrent_sessions"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("n/a     table.unknown_extension_is_null"), HasSubstr("no function for extensions"),
                    HasSubstr("n/a     callbacks.cancel_and_rewind"), HasSubstr("0 kept, 0 broken, 4 n/a")));
}

// Skipped under sanitizers, whose own memory hides leaks. On one CPU, the affinity cannot be narrowed.
TEST(ConformanceCommand, WhatIsLeftBehindIsFound) {
  const auto broken_by = [](const std::string& fault, const std::string& rule) {
    return run_program({"conformance", INFERBENCH_WRONG_PLUGIN, "--option", "fault=" + fault, "--rule", rule})
        .exit_code;
  };
  EXPECT_EQ(broken_by("none", "life.hundred_models"), 0);
#ifndef INFERBENCH_SANITIZED
  EXPECT_EQ(broken_by("leaks", "life.hundred_models"), 1);
  EXPECT_EQ(broken_by("memory_report", "life.memory_report_is_true"), 1);
#endif
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
    EXPECT_EQ(broken_by("affinity", "life.affinity_is_left_alone"), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Faults, WrongBackend,
    testing::Values(
        Wrong{"none", {}}, Wrong{"swapped_heads", all_numerics()},
        Wrong{"stale_kv", {"sequences.truncate_forgets", "numerics.nearest_formulas"}},
        Wrong{"same_scale", {"numerics.attention_scales", "numerics.nearest_formulas"}},
        Wrong{"one_gelu", {"features.gelu_erf", "numerics.nearest_activation"}},
        Wrong{"fixed_order", {"numerics.tensors_in_any_order"}},
        Wrong{"greedy_highest", {"outputs.greedy_takes_lowest"}}, Wrong{"overflow", {"outputs.nothing_beyond"}},
        Wrong{"short_buffers", {"arguments.short_buffers"}}, Wrong{"any_token", {"arguments.bad_tokens"}},
        Wrong{"silent_refusal", {"arguments.errors_are_one_line"}},
        Wrong{"neighbours",
              {"sequences.rows_are_independent", "sequences.outputs_in_call_order", "outputs.mixed_in_one_call"}},
        Wrong{"deaf", {"callbacks.forward_polls", "callbacks.model_create_polls"}},
        Wrong{"prints", {"life.silent_stdout"}}, Wrong{"more_threads", {"life.thread_count"}},
        Wrong{"memory_report", {"life.large_max_positions", "life.memory_report"}},
        Wrong{"any_precision", {"arguments.bad_models"}}),
    [](const auto& one) { return std::string(one.param.fault); });

// Faults in a feature that GPT-2 does not have. Only the rules about features and strides are tried.
class WrongFeature : public testing::TestWithParam<Wrong> {};

TEST_P(WrongFeature, BreaksItsRules) {
  const auto result =
      run_program({"conformance", INFERBENCH_WRONG_PLUGIN, "--option", std::string("fault=") + GetParam().fault,
                   "--rule", "features", "--rule", "numerics.strided_weights", "--json"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  std::set<std::string> broken;
  const auto json = nlohmann::json::parse(result.out);
  for (const auto& rule : json["precisions"][0]["rules"]) {
    if (rule["verdict"] == "broken") broken.insert(rule["name"].get<std::string>());
  }
  EXPECT_EQ(broken, GetParam().broken);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, WrongFeature,
    testing::Values(Wrong{"one_rotary_table", {"features.rotary"}}, Wrong{"window_wide", {"features.window"}},
                    Wrong{"no_soft_caps", {"features.attention_soft_cap", "features.logit_soft_cap"}},
                    Wrong{"no_embedding_scale", {"features.embedding_scale"}},
                    Wrong{"kv_head_modulo", {"features.grouped_heads"}},
                    Wrong{"rotary_interleaved", {"features.rotary"}},
                    Wrong{"strides_ignored", {"numerics.strided_weights"}}),
    [](const auto& one) { return std::string(one.param.fault); });

ProgramResult conformance(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "conformance");
  return run_program(arguments);
}

TEST(ConformanceCommand, ACrashBreaksARuleAndTheNextIsTriedAllTheSame) {
  const auto result = conformance({INFERBENCH_WRONG_PLUGIN, "--option", "fault=crashes", "--rule", "outputs"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("BROKEN  outputs.last_is_last_row"), HasSubstr("signal 6"),
                                HasSubstr("BROKEN  outputs.exact_buffers_suffice"), HasSubstr("0 kept, 7 broken")));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(ConformanceCommand, FindsBackendsByNameAndRulesByTheirBeginning) {
  const auto result = conformance(
      {"cpu_quant", "--plugin-dir", test_paths::kPlugins, "--rule", "table", "--rule", "life.longer_structs"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr("cpu_quant int8: 5 rules"), HasSubstr("cpu_quant int4: 5 kept, 0 broken")));
}

TEST(ConformanceCommand, ListsEveryRuleOnce) {
  const auto result = conformance({"--list"});
  EXPECT_EQ(result.exit_code, 0);
  std::set<std::string> names;
  for (const Rule& rule : all_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_THAT(result.out, HasSubstr(rule.name));
  }
  EXPECT_GT(names.size(), 75U);
}

TEST(ConformanceCommand, MistakesAreNamedAndExitWithTwo) {
  const auto expect_error = [](const ProgramResult& result, const std::string& what) {
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("inferbench: error: "), HasSubstr(what), HasSubstr("hint:")));
  };
  expect_error(conformance({}), "needs a backend");
  expect_error(conformance({"libnowhere.so"}), "libnowhere.so");
  expect_error(conformance({INFERBENCH_WRONG_PLUGIN, "--precision", "int3"}), "no precision 'int3'");
  expect_error(conformance({INFERBENCH_WRONG_PLUGIN, "--option", "nonsense=1"}), "nonsense");
  expect_error(conformance({INFERBENCH_WRONG_PLUGIN, "--judge-as", "half"}), "unknown precision 'half'");
  expect_error(conformance({INFERBENCH_WRONG_PLUGIN, "--rule", "sequence.causal"}), "did you mean");
}

}  // namespace
}  // namespace inferbench::conformance
