// SPDX-License-Identifier: Apache-2.0
// Mistakes are told apart by what the logits are nearest to, in every precision, and the cause of broken rules is
// named.
#include "conformance/likely_cause.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "conformance/cases.hpp"
#include "conformance/mistaken_backend.hpp"
#include "conformance/near_miss_search.hpp"
#include "conformance/rules.hpp"
#include "plugin/plugin.hpp"
#include "reference/decoder.hpp"
#include "support/error.hpp"
#include "support/test_paths.hpp"

namespace inferbench::conformance {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// A subject with the tolerance of `precision`. The plugin does not matter, because a mistaken backend replaces it.
Subject subject_in(const std::string& precision) {
  return {Plugin::load(std::filesystem::path(test_paths::kPlugins) / "libcpu_ref.so"),
          precision,
          {},
          default_tolerance(precision),
          precision};
}

// The features of a backend that computes only models like GPT-2, only models like Llama, or all.
constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kKinds[] = {IB_FEATURES_GPT2, IB_FEATURES_LLAMA, kAll};

// The id of the rounding that this precision causes; "" for fp32.
std::string rounding_of(const std::string& precision) {
  return precision == "fp32" ? "" : "rounding." + precision + ".products";
}

std::string joined(const std::string& mistake, const std::string& rounding) {
  return mistake.empty() || rounding.empty() ? mistake + rounding : mistake + "+" + rounding;
}

// Findings of one rule about the model with these mistakes.
std::vector<std::string> findings_of(const std::string& rule_name, const Subject& subject, const std::string& ids) {
  const std::vector<Rule> rules = all_rules();
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& one) { return one.name == rule_name; });
  if (rule == rules.end()) return {"there is no rule " + rule_name};
  const Subject mistaken = with_mistakes(subject, ids);
  Check check(mistaken);
  rule->check(check);
  return check.findings();
}

// The same for one of the rule's searches, which caches the float64 logits.
std::vector<std::string> findings_of(NearMissSearch& search, const Subject& subject, const std::string& ids) {
  const Subject mistaken = with_mistakes(subject, ids);
  Check check(mistaken);
  search.run(check);
  return check.findings();
}

TEST(MistakenModel, IsTheReferenceWithoutAMistake) {
  for (const std::uint64_t features : kKinds) {
    for (const Case& one : cases(features)) {
      const auto weights = one.model();
      const Trace found = answers_with(nullptr, one, *weights);
      // Only the first call: the reference computes it in one pass.
      const auto ids = test_tokens(one.n_tokens(), 5, one.config.vocab_size);
      const auto expected = reference::Decoder(weights->desc()).logits(std::span(ids).first(one.steps.front().n));
      const reference::Values first(found.logits.begin(),
                                    found.logits.begin() + static_cast<std::ptrdiff_t>(expected.size()));
      EXPECT_LT(distance(expected, first) / spread(expected), 1e-12) << one.name;
    }
  }
}

TEST(MistakenModel, ChunksAndRewindsChangeNothing) {
  const Case whole = cases(kAll).back();  // all features at once, windows among them
  ASSERT_GT(whole.steps.size(), 3U);
  const auto weights = whole.model();
  const Trace found = answers_with(nullptr, whole, *weights);
  const auto ids = test_tokens(whole.n_tokens(), 5, whole.config.vocab_size);
  // Each token's context, following the positions of the script.
  std::vector<std::int32_t> held;
  for (std::size_t t = 0; t < found.positions.size(); ++t) {
    held.resize(static_cast<std::size_t>(found.positions[t]));
    held.push_back(ids[t]);
    const auto expected = reference::Decoder(weights->desc()).logits(held);
    const auto vocab = static_cast<std::ptrdiff_t>(whole.config.vocab_size);
    const reference::Values last(expected.end() - vocab, expected.end());
    const auto row = found.logits.begin() + static_cast<std::ptrdiff_t>(t) * vocab;
    EXPECT_LT(distance(last, reference::Values(row, row + vocab)) / spread(last), 1e-12) << "token " << t;
  }
}

// The known mistakes, without rounding, that no case of a backend with these features shows, as "id (largest effect)".
std::vector<std::string> hidden_mistakes(std::uint64_t features) {
  std::vector<Mistake> hidden = known_mistakes();
  std::erase_if(hidden, [](const Mistake& mistake) { return !mistake.judge_as.empty(); });
  std::map<std::string, double> effects;
  const std::vector<Case> all = cases(features);
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    const auto weights = one->model();
    const Trace right = answers_with(nullptr, *one, *weights);
    std::erase_if(hidden, [&](const Mistake& mistake) {
      const Trace wrong = answers_with(&mistake, *one, *weights);
      double& effect = effects[mistake.id];
      effect = std::max(effect, distance(right.logits, wrong.logits) / spread(right.logits));
      return effect > 0.04;
    });
  }
  std::vector<std::string> texts;
  for (const Mistake& mistake : hidden) texts.push_back(fmt::format("{} ({:.2g})", mistake.id, effects[mistake.id]));
  return texts;
}

// A mistake that no case reveals can be neither found nor named.
TEST(Mistakes, EachShowsInSomeCase) {
  EXPECT_THAT(hidden_mistakes(kAll), IsEmpty());
}

// Of a backend that is only for Llama, those are hidden that its models have no place for.
TEST(Mistakes, EachOfLlamasShowsInSomeCaseOfItsOwn) {
  std::vector<std::string> hidden = hidden_mistakes(IB_FEATURES_LLAMA);
  std::erase_if(hidden, [](const std::string& id) {
    const bool is_of_gpt2 = id.starts_with("activation.") || id.starts_with("norm.no_mean ") ||
                            id.starts_with("norm.unbiased ") || id.starts_with("learned_position.") ||
                            id.find("_norm.bias") != std::string::npos || id.starts_with("norm.no_final_bias ");
    const bool is_of_gemma = id.starts_with("soft_cap.") || id.find("post_norm") != std::string::npos ||
                             id.starts_with("structure.unscaled_embedding ");
    // Rotation goes by differences of positions.
    return is_of_gpt2 || is_of_gemma || id.starts_with("position.late ");
  });
  EXPECT_THAT(hidden, IsEmpty());
}

TEST(Mistakes, AreFoundByTheirIds) {
  for (const Mistake& mistake : known_mistakes({17, 32})) EXPECT_EQ(find_mistake(mistake.id).text, mistake.text);
  EXPECT_THROW(find_mistake("no.such"), Error);
}

class NearMisses : public testing::TestWithParam<const char*> {};

// Rounding alone, even to 4 bits, is nearest to the correct logits.
TEST_P(NearMisses, RoundingIsNoMistake) {
  const Subject subject = subject_in(GetParam());
  for (const char* rule : {"numerics.nearest_activation", "numerics.nearest_formulas"}) {
    EXPECT_THAT(findings_of(rule, subject, rounding_of(GetParam())), IsEmpty()) << rule;
  }
}

// Even the smallest mistakes are found under the precision's rounding.
TEST_P(NearMisses, AreNamedInEveryPrecision) {
  const Subject subject = subject_in(GetParam());
  const std::string rounding = rounding_of(GetParam());
  NearMissSearch activations = NearMissSearch::of_activations(subject.features());
  NearMissSearch formulas = NearMissSearch::of_formulas(subject.features());
  for (const char* id :
       {"activation.gelu_erf.gelu_tanh", "activation.gelu_tanh.gelu_erf", "activation.gelu_tanh.quick_gelu",
        "activation.gelu_tanh.silu", "activation.relu.silu", "activation.gelu_erf.relu"}) {
    const auto findings = findings_of(activations, subject, joined(id, rounding));
    EXPECT_THAT(findings, testing::Contains(HasSubstr(find_mistake(id).text))) << id;
  }
  for (const char* id : {"norm.epsilon_1e-06",
                         "norm.no_epsilon",
                         "norm.epsilon_outside",
                         "norm.unbiased",
                         "norm.no_final",
                         "attention.scale.by_heads",
                         "attention.scale.by_hidden",
                         "attention.scale.same_in_layers",
                         "attention.mask.zeroed",
                         "position.late",
                         "position.late_in_later_calls",
                         "cache.overwrites",
                         "structure.head_is_embedding",
                         "no_bias.attn_out",
                         "swapped.q_k",
                         "cache.stale_first",
                         "norm.mean",
                         "rotary.interleaved",
                         "rotary.no_scale",
                         "rotary.first_table",
                         "rotary.backwards",
                         "window.wide",
                         "window.narrow",
                         "window.none",
                         "kv_heads.modulo",
                         "gate.swapped",
                         "gate.product",
                         "qk_norm.none",
                         "qk_norm.after_rotation",
                         "post_norm.none",
                         "soft_cap.no_attention",
                         "soft_cap.before_scale",
                         "soft_cap.no_logit",
                         "structure.unscaled_embedding"}) {
    const auto findings = findings_of(formulas, subject, joined(id, rounding));
    EXPECT_THAT(findings, testing::Contains(HasSubstr(find_mistake(id).text))) << id;
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, NearMisses, testing::Values("fp32", "bf16", "fp16", "int8", "int4"),
                         [](const auto& one) { return std::string(one.param); });

// The named cause is the mistake itself, not a similar one, under the rounding of any precision.
TEST(LikelyCause, NamesThePlantedMistake) {
  for (const auto& [precision, id] :
       {std::pair{"fp32", "transposed.attn_out"}, std::pair{"int4", "transposed.mlp_up"},
        std::pair{"int8", "no_bias.attn_v.last"}, std::pair{"int4", "position.late_from@32"},
        std::pair{"bf16", "position.later_every@24"}, std::pair{"int8", "cache.stale_all"},
        std::pair{"int8", "activation.gelu_tanh.gelu_erf"}, std::pair{"bf16", "activation.always.quick_gelu"},
        std::pair{"fp32", "norm.epsilon_1e-06"}, std::pair{"fp32", "rounding.bf16.cache"},
        std::pair{"int8", "rotary.interleaved"}, std::pair{"fp32", "kv_heads.modulo"}, std::pair{"int4", "window.wide"},
        std::pair{"bf16", "qk_norm.none"}}) {
    const Subject subject = subject_in(precision);
    const LikelyCause cause = cause_of_logits(with_mistakes(subject, joined(id, rounding_of(precision))));
    EXPECT_EQ(cause.mistake, id) << precision << ": " << cause.text;
    EXPECT_EQ(cause.judge_as, find_mistake(id).judge_as);
  }
}

// A backend that knows only Llama is examined with models of its own.
TEST(LikelyCause, NamesTheMistakeOfABackendForLlamaAlone) {
  for (const char* id : {"rotary.interleaved", "gate.swapped", "window.narrow", "norm.epsilon_1e-06",
                         "activation.silu.quick_gelu", "transposed.mlp_down", "cache.stale_all"}) {
    Subject subject = subject_in("fp32");
    subject.only_features = IB_FEATURES_LLAMA;
    EXPECT_EQ(cause_of_logits(with_mistakes(subject, id)).mistake, id);
  }
}

// Several mistakes at once match no single known mistake, so the first wrong part is named.
TEST(LikelyCause, NamesThePartWhereNoKnownMistakeExplainsIt) {
  const Subject subject = subject_in("fp32");
  const LikelyCause cause = cause_of_logits(with_mistakes(subject, "swapped.q_k+attention.scale.none+heads.strided"));
  EXPECT_EQ(cause.mistake, "");
  EXPECT_THAT(cause.text, HasSubstr("attention"));
}

TEST(LikelyCause, IsEmptyWhereNothingIsWrong) {
  for (const char* precision : {"fp32", "int4"}) {
    const LikelyCause cause = cause_of_logits(with_mistakes(subject_in(precision), rounding_of(precision)));
    EXPECT_EQ(cause.text, "") << precision;
  }
}

}  // namespace
}  // namespace inferbench::conformance
