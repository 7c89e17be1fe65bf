// SPDX-License-Identifier: Apache-2.0
// Each wrong backend breaks the rules that it breaks, and no other; the report says so.
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

// What no model computes right any more.
const std::set<std::string> kAllNumerics{
    "numerics.logits_are_gpt2", "numerics.decode_is_gpt2",   "numerics.narrow_checkpoints", "numerics.untied_head",
    "numerics.activations",     "numerics.attention_scales", "numerics.layer_norm_epsilon", "numerics.odd_shapes"};

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

// What a sanitizer's own memory hides is tried without one; one CPU cannot be narrowed down.
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
    testing::Values(Wrong{"none", {}}, Wrong{"dropped_bias", kAllNumerics}, Wrong{"swapped_heads", kAllNumerics},
                    Wrong{"stale_kv", {"sequences.truncate_forgets"}},
                    Wrong{"same_scale", {"numerics.attention_scales"}}, Wrong{"one_gelu", {"numerics.activations"}},
                    Wrong{"fixed_order", {"numerics.tensors_in_any_order"}},
                    Wrong{"greedy_highest", {"outputs.greedy_takes_lowest"}},
                    Wrong{"overflow", {"outputs.nothing_beyond"}}, Wrong{"short_buffers", {"arguments.short_buffers"}},
                    Wrong{"any_token", {"arguments.bad_tokens"}},
                    Wrong{"silent_refusal", {"arguments.errors_are_one_line"}},
                    Wrong{"neighbours", {"sequences.rows_are_independent", "sequences.outputs_in_call_order"}},
                    Wrong{"deaf", {"callbacks.forward_polls", "callbacks.model_create_polls"}},
                    Wrong{"prints", {"life.silent_stdout"}}, Wrong{"more_threads", {"life.thread_count"}},
                    Wrong{"memory_report", {"life.memory_report"}}, Wrong{"any_precision", {"arguments.bad_models"}}),
    [](const auto& one) { return std::string(one.param.fault); });

ProgramResult conformance(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "conformance");
  return run_program(arguments);
}

TEST(ConformanceCommand, ACrashBreaksARuleAndTheNextIsTriedAllTheSame) {
  const auto result = conformance({INFERBENCH_WRONG_PLUGIN, "--option", "fault=crashes", "--rule", "outputs"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("BROKEN  outputs.last_is_last_row"), HasSubstr("signal 6"),
                                HasSubstr("BROKEN  outputs.exact_buffers_suffice"), HasSubstr("0 kept, 6 broken")));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(ConformanceCommand, FindsBackendsByNameAndRulesByTheirBeginning) {
  const auto result = conformance(
      {"cpu_quant", "--plugin-dir", test_paths::kPlugins, "--rule", "table", "--rule", "life.longer_structs"});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr("cpu_quant int8: 4 rules"), HasSubstr("cpu_quant int4: 4 kept, 0 broken")));
}

TEST(ConformanceCommand, ListsEveryRuleOnce) {
  const auto result = conformance({"--list"});
  EXPECT_EQ(result.exit_code, 0);
  std::set<std::string> names;
  for (const Rule& rule : all_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_THAT(result.out, HasSubstr(rule.name));
  }
  EXPECT_GT(names.size(), 50U);
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
  expect_error(conformance({INFERBENCH_WRONG_PLUGIN, "--rule", "sequence.causal"}), "did you mean");
}

}  // namespace
}  // namespace inferbench::conformance
