// SPDX-License-Identifier: Apache-2.0
// A contender loaded in the test process itself, with the null backend.
#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "measure/resources.hpp"
#include "support/test_paths.hpp"
#include "worker/loaded_contender.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

LoadRequest null_load() {
  LoadRequest request;
  request.contender = "null";
  request.plugin = std::string(test_paths::kPlugins) + "/libnull.so";
  request.model = "tiny";
  request.model_base = test_paths::kData;
  request.precision = "none";
  return request;
}

TrialRequest small_trial(std::int32_t prompt, std::int32_t generate) {
  TrialRequest request;
  request.batch = 2;
  request.prompt_tokens = prompt;
  request.generate_tokens = generate;
  request.prompts.assign(2 * static_cast<std::size_t>(prompt), 1);
  return request;
}

TEST(LoadedContender, ATrialSaysWhatItKnows) {
  LoadedContender contender;
  ASSERT_EQ(contender.load(null_load()).status, TrialStatus::kOk);
  const TrialOutcome outcome = contender.run(small_trial(4, 3));
  ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
  EXPECT_TRUE(outcome.logits_checked);
  EXPECT_TRUE(outcome.memory.peak_rss_bytes || !PeakWatch().reset()) << outcome.peak_unknown;
  EXPECT_EQ(outcome.kv_bytes, std::nullopt);  // the null backend reports none
  EXPECT_EQ(outcome.device_bytes, 0U);
  EXPECT_TRUE(outcome.used);
  TrialRequest unchecked = small_trial(4, 3);
  unchecked.check_logits = false;
  EXPECT_FALSE(contender.run(unchecked).logits_checked);
}

// The session is full at the end of the trial, but the logits are still checked.
TEST(LoadedContender, ChecksLogitsOfAFullContext) {
  LoadedContender contender;
  ASSERT_EQ(contender.load(null_load()).status, TrialStatus::kOk);
  for (const auto& [prompt, generate] : {std::pair{128, 1}, std::pair{64, 65}, std::pair{1, 128}, std::pair{1, 1}}) {
    const TrialOutcome outcome = contender.run(small_trial(prompt, generate));
    EXPECT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
    EXPECT_TRUE(outcome.logits_checked);
  }
}

// If the kernel's peak cannot be reset, the peak of the load must not be taken for the trial's.
TEST(LoadedContender, APeakThatCannotBeResetIsUnknown) {
  LoadedContender contender("/nowhere/clear_refs");
  ASSERT_EQ(contender.load(null_load()).status, TrialStatus::kOk);
  static_cast<void>(std::vector<char>(std::size_t{64} << 20U, 'x').data()[1]);  // a peak that no trial reaches
  const TrialOutcome outcome = contender.run(small_trial(4, 3));
  ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
  EXPECT_EQ(outcome.memory.peak_rss_bytes, std::nullopt);
  EXPECT_THAT(outcome.peak_unknown, HasSubstr("could not be reset"));
  EXPECT_GT(outcome.memory.rss_bytes, 0U);
}

}  // namespace
}  // namespace inferbench
