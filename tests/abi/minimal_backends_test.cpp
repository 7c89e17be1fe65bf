// SPDX-License-Identifier: Apache-2.0
// The smallest complete backends, in C and in Rust, and the null backend, called through the host's own classes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "abi/tiny_weights.hpp"
#include "plugin/backend.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using ::testing::ElementsAre;

// The logits that the comment in minimal_c.c defines.
std::vector<float> expected_logits(std::int32_t token, std::int32_t position, std::int64_t step, bool far) {
  const std::int32_t vocab_size = tiny_weights().config().vocab_size;
  const auto favourite = static_cast<std::int32_t>((token + step * (position + 1)) % vocab_size);
  std::vector<float> logits(static_cast<std::size_t>(vocab_size));
  for (std::int32_t v = 0; v < vocab_size; ++v) {
    const auto distance = static_cast<float>(std::abs(v - favourite));
    logits[static_cast<std::size_t>(v)] = far ? distance : -distance;
  }
  return logits;
}

std::int32_t argmax(const std::vector<float>& logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

struct Language {
  const char* name;
  const char* path;
};

class MinimalBackend : public ::testing::TestWithParam<Language> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam().path).empty()) GTEST_SKIP() << "rustc was not found when this build was configured";
  }
  static Plugin plugin() { return Plugin::load(GetParam().path); }
  static BackendModel model(const std::map<std::string, std::string>& options = {}) {
    const Plugin loaded = plugin();
    return BackendModel(BackendContext(loaded, 1), tiny_weights(), "", OptionValues(loaded.options(), options));
  }
};

TEST_P(MinimalBackend, DescribesItself) {
  const Plugin loaded = plugin();
  EXPECT_EQ(loaded.name(), GetParam().name);
  EXPECT_EQ(loaded.description().version, "1.0.0");
  EXPECT_EQ(loaded.description().license, "Apache-2.0");
  EXPECT_FALSE(loaded.description().build.empty());
  ASSERT_EQ(loaded.precisions().size(), 1U);
  EXPECT_TRUE(loaded.description().has_precision("none"));
  EXPECT_FALSE(loaded.description().has_precision("int8"));
  ASSERT_EQ(loaded.options().size(), 2U);
  EXPECT_EQ(loaded.options()[0].key, "step");
  EXPECT_EQ(loaded.options()[1].choices[1], "far");
  EXPECT_EQ(loaded.extension(IB_EXT_PROFILE_V1), nullptr);
}

TEST_P(MinimalBackend, AnswersEveryOutput) {
  const BackendSession session(model(), 2, 16);
  const std::array<std::int32_t, 3> tokens{5, 6, 7};
  const std::vector<float> all = session.all_logits(0, tokens);
  std::vector<float> expected;
  for (std::int32_t i = 0; i < 3; ++i) {
    const std::vector<float> row = expected_logits(tokens[static_cast<std::size_t>(i)], i, 1, false);
    expected.insert(expected.end(), row.begin(), row.end());
  }
  EXPECT_EQ(all, expected);
  const std::array<std::int32_t, 1> next{9};
  EXPECT_EQ(session.last_logits(0, next), expected_logits(9, 3, 1, false));
  EXPECT_EQ(session.greedy(0, next), argmax(expected_logits(9, 4, 1, false)));
  EXPECT_EQ(session.greedy(1, next), argmax(expected_logits(9, 0, 1, false)));  // the other slot is empty
}

TEST_P(MinimalBackend, OptionsReachTheModel) {
  const BackendSession session(model({{"step", "40"}, {"order", "far"}}), 1, 16);
  const std::array<std::int32_t, 2> tokens{5, 6};
  EXPECT_EQ(session.last_logits(0, tokens), expected_logits(6, 1, 40, true));
  EXPECT_EQ(session.greedy(0, tokens), argmax(expected_logits(6, 3, 40, true)));
}

TEST_P(MinimalBackend, TruncateRewinds) {
  const BackendSession session(model(), 1, 4);
  const std::array<std::int32_t, 3> tokens{1, 2, 3};
  const std::vector<float> first = session.all_logits(0, tokens);
  EXPECT_THROW(session.all_logits(0, tokens), BackendError);  // 6 tokens, but 4 positions
  session.truncate(0, 0);
  EXPECT_EQ(session.all_logits(0, tokens), first);
  session.truncate(0, 2);
  EXPECT_THROW(session.truncate(0, 3), BackendError);
  const std::array<std::int32_t, 1> last{3};
  EXPECT_EQ(session.last_logits(0, last), expected_logits(3, 2, 1, false));
}

// A chunk of a prompt, a sequence that wants all of its logits, and two that want an id: logits and ids are counted
// apart from each other.
TEST_P(MinimalBackend, RaggedSequencesWithTheirOwnOutputs) {
  const BackendSession session(model(), 4, 16);
  const std::array<std::int32_t, 2> two{10, 11};
  const std::array<std::int32_t, 1> one{20};
  std::array sequences{
      ib_sequence{2, 2, two.data(), IB_OUTPUT_GREEDY, 0}, ib_sequence{0, 1, one.data(), IB_OUTPUT_NONE, 0},
      ib_sequence{3, 2, two.data(), IB_OUTPUT_ALL_LOGITS, 0}, ib_sequence{1, 1, one.data(), IB_OUTPUT_GREEDY, 0}};
  const auto vocab_size = static_cast<std::size_t>(tiny_weights().config().vocab_size);
  std::array<std::int32_t, 2> ids{-1, -1};
  std::vector<float> logits(2 * vocab_size);
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences.data();
  params.n_sequences = static_cast<std::int32_t>(sequences.size());
  params.logits = logits.data();
  params.logits_capacity = logits.size();
  params.ids = ids.data();
  params.ids_capacity = ids.size();
  ib_error error{};
  ASSERT_EQ(session.forward(params, error), IB_OK) << error.message;
  EXPECT_THAT(ids, ElementsAre(13, 21));
  std::vector<float> expected = expected_logits(10, 0, 1, false);
  const std::vector<float> second_row = expected_logits(11, 1, 1, false);
  expected.insert(expected.end(), second_row.begin(), second_row.end());
  EXPECT_EQ(logits, expected);

  params.ids_capacity = 1;
  EXPECT_EQ(session.forward(params, error), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "the buffer for ids is too small");
  params.ids_capacity = 2;
  params.logits_capacity = logits.size() - 1;
  EXPECT_EQ(session.forward(params, error), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "the buffer for logits is too small");
  sequences[3].output = 77;
  EXPECT_EQ(session.forward(params, error), IB_UNSUPPORTED);
}

TEST_P(MinimalBackend, ProgressAndCancel) {
  int n_progress = 0;
  HostCallbacks callbacks;
  callbacks.progress = [&](double) { ++n_progress; };
  callbacks.is_cancelled = [&] { return n_progress >= 4; };
  const BackendContext context(plugin(), 1, callbacks);
  try {
    const BackendModel made(context, tiny_weights(), "", OptionValues(plugin().options(), {}));
    FAIL() << "not cancelled";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.status(), IB_CANCELLED);
  }
  EXPECT_EQ(n_progress, 4);
}

TEST_P(MinimalBackend, UnknownPrecisionIsUnsupported) {
  const Plugin loaded = plugin();
  try {
    const BackendModel made(BackendContext(loaded, 1), tiny_weights(), "fp8", OptionValues(loaded.options(), {}));
    FAIL() << "fp8 is accepted";
  } catch (const BackendError& error) {
    EXPECT_EQ(error.status(), IB_UNSUPPORTED);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("the only precision is 'none'"));
  }
}

INSTANTIATE_TEST_SUITE_P(InLanguages, MinimalBackend,
                         ::testing::Values(Language{"minimal_c", INFERBENCH_TEST_PLUGINS "/libminimal_c.so"},
                                           Language{"minimal_rust", INFERBENCH_RUST_PLUGIN}),
                         [](const auto& language) { return std::string(language.param.name); });

TEST(NullBackend, ReturnsZeros) {
  const Plugin loaded = Plugin::load(INFERBENCH_TEST_PLUGINS "/libnull.so");
  const BackendModel model(BackendContext(loaded, 1), tiny_weights(), "", OptionValues(loaded.options(), {}));
  const BackendSession session(model, 1, 8);
  const std::array<std::int32_t, 2> tokens{3, 4};
  EXPECT_EQ(session.greedy(0, tokens), 0);
  const std::vector<float> logits = session.all_logits(0, tokens);
  EXPECT_THAT(logits, ::testing::Each(0.0F));
  session.truncate(0, 4);
  EXPECT_THROW(session.truncate(0, 5), BackendError);
}

}  // namespace
}  // namespace inferbench
