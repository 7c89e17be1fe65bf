// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "experiment/plan_text.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kText = R"(
backends: [cpu_ref, cpu_quant:int8, cpu_quant:int4]
models: [synthetic:gpt2, synthetic:gpt2-medium]
sweep: {prompt_tokens: [32, 64], threads: [1, 2], batch: [2, 3]}
measure: {blocks: 6, warmup: 2}
)";

std::vector<std::string> ids(const std::vector<PlannedTrial>& plan) {
  std::vector<std::string> all;
  for (const PlannedTrial& trial : plan) all.push_back(trial.id());
  return all;
}

TEST(ExperimentPlan, EveryPointHasItsWarmupsThenItsBlocks) {
  const Experiment e = StubWorld{}.load(kText);
  const std::vector<PlannedTrial> plan = make_plan(e);
  ASSERT_EQ(plan.size(), e.points.size() * 3 * (2 + 6));
  std::size_t i = 0;
  for (std::size_t point = 0; point < e.points.size(); ++point) {
    for (int step = -2; step < 6; ++step) {
      std::set<std::int32_t> contenders;
      for (int c = 0; c < 3; ++c, ++i) {
        EXPECT_EQ(plan[i].point, static_cast<std::int32_t>(point));
        EXPECT_EQ(plan[i].block, step < 0 ? -1 : step);
        EXPECT_EQ(plan[i].repeat, step < 0 ? step + 2 : 0);
        contenders.insert(plan[i].contender);
      }
      EXPECT_THAT(contenders, ElementsAre(0, 1, 2));
    }
  }
}

// Where each contender runs: the points, in sweep order, as "THREADSxBATCH".
std::vector<std::string> points_of(const Experiment& e, std::int32_t contender) {
  std::set<std::int32_t> points;
  for (const PlannedTrial& trial : make_plan(e)) {
    if (trial.contender == contender) points.insert(trial.point);
  }
  std::vector<std::string> texts;
  for (const std::int32_t point : points) {
    const Point& at = e.points[static_cast<std::size_t>(point)];
    texts.push_back(std::to_string(at.threads) + "x" + std::to_string(at.batch));
  }
  return texts;
}

constexpr const char* kWithDevice = R"(
backends: [cpu_ref, cuda]
models: synthetic:gpt2
sweep: {threads: [1, 2], batch: [1, 4, 8], exclude: [{threads: 2, batch: 8}]}
measure: {blocks: 6, warmup: 2}
)";

TEST(ExperimentPlan, ThreadsAreNoAxisForADevice) {
  const Experiment e = StubWorld{}.load(kWithDevice);
  EXPECT_THAT(points_of(e, 0), ElementsAre("1x1", "1x4", "1x8", "2x1", "2x4"));
  EXPECT_THAT(points_of(e, 1), ElementsAre("1x8", "2x1", "2x4"));
  EXPECT_EQ(make_plan(e).size(), (5U + 3U) * (6U + 2U));
  // Every block of the device has the baseline's trial of the same prompt.
  for (const PlannedTrial& trial : plan_block(e, 3, 4))
    EXPECT_EQ(trial.prompt_stream, plan_block(e, 3, 4)[0].prompt_stream);
  EXPECT_EQ(plan_block(e, 3, 4).size(), 2U);
  EXPECT_EQ(plan_block(e, 0, 4).size(), 1U);
  // The other half of the points is planned where they are.
  EXPECT_EQ(make_plan(e, {1, 2}).size() + make_plan(e, {2, 2}).size(), make_plan(e).size());
}

TEST(ExperimentPlan, ADeviceThatIsTheBaselineRunsInEveryBlock) {
  const Experiment e = StubWorld{}.load(kWithDevice, {"backends=[cpu_ref, cuda, 'cuda:int8']", "baseline='cuda:bf16'"});
  EXPECT_THAT(points_of(e, 1), ElementsAre("1x1", "1x4", "1x8", "2x1", "2x4"));
  EXPECT_THAT(points_of(e, 2), ElementsAre("1x8", "2x1", "2x4"));
}

// Fixed expectations reveal any change of the generator or the shuffle on any platform, because --resume relies on
// them.
TEST(ExperimentPlan, TheOrderIsTheSameEverywhere) {
  Experiment e = StubWorld{}.load(kText);
  e.points.resize(1);
  e.measure.warmup = 1;
  e.measure.blocks = 3;
  EXPECT_THAT(ids(make_plan(e)), ElementsAre("p0.c0.w0", "p0.c1.w0", "p0.c2.w0",  //
                                             "p0.c2.b0", "p0.c1.b0", "p0.c0.b0", "p0.c1.b1", "p0.c2.b1", "p0.c0.b1",
                                             "p0.c1.b2", "p0.c2.b2", "p0.c0.b2"));
  e.measure.seed = 2;
  EXPECT_THAT(ids(make_plan(e)), ElementsAre("p0.c0.w0", "p0.c1.w0", "p0.c2.w0",  //
                                             "p0.c2.b0", "p0.c0.b0", "p0.c1.b0", "p0.c1.b1", "p0.c2.b1", "p0.c0.b1",
                                             "p0.c1.b2", "p0.c2.b2", "p0.c0.b2"));
}

TEST(ExperimentPlan, IdsAreDistinctAndOrdersOfBlocksAreFair) {
  Experiment e = StubWorld{}.load(kText);
  e.measure.blocks = 600;
  e.points.resize(2);
  const std::vector<PlannedTrial> plan = make_plan(e);
  const std::vector<std::string> all = ids(plan);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, int> orders;
  for (std::size_t i = 0; i < plan.size(); i += 3) {
    if (plan[i].block >= 0) ++orders[{plan[i].contender, plan[i + 1].contender, plan[i + 2].contender}];
  }
  ASSERT_EQ(orders.size(), 6U);
  // 1200 shuffles: 200 of each order are expected, with a standard deviation of 13. The bound is five of them.
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 200, 65);
}

TEST(ExperimentPlan, PromptsAreSharedInABlockAndDistinctElsewhere) {
  const Experiment e = StubWorld{}.load(kText);
  std::map<std::tuple<int, int, int>, std::uint64_t> streams;  // (point, block, repeat)
  for (const PlannedTrial& trial : make_plan(e)) {
    const auto [known, is_new] =
        streams.emplace(std::tuple(trial.point, trial.block, trial.repeat), trial.prompt_stream);
    EXPECT_EQ(known->second, trial.prompt_stream);
  }
  std::set<std::uint64_t> sequences;
  std::size_t expected = 0;
  for (const auto& [key, stream] : streams) {
    const auto batch = static_cast<std::uint64_t>(e.points[static_cast<std::size_t>(std::get<0>(key))].batch);
    for (std::uint64_t j = 0; j < batch; ++j) sequences.insert(stream + j);
    expected += batch;
  }
  EXPECT_EQ(sequences.size(), expected);
}

// Everything that one process may run: the warm-ups or the previous block, and a block with all of its attempts.
TEST(ExperimentPlan, NoStreamComesTwiceInAProcess) {
  const Experiment e = StubWorld{}.load(kText, {"measure.repeat_disturbed=3"});
  for (std::int32_t point = 0; point < static_cast<std::int32_t>(e.points.size()); ++point) {
    const auto batch = static_cast<std::uint64_t>(e.points[static_cast<std::size_t>(point)].batch);
    for (std::int32_t block = 0; block < 6; ++block) {
      const PlannedTrial trial = plan_block(e, point, block).front();
      std::vector<std::uint64_t> streams{warm_up_stream(e, trial)};
      for (std::int32_t attempt = 0; attempt <= 3; ++attempt) streams.push_back(attempt_stream(e, trial, attempt));
      std::set<std::uint64_t> sequences;
      for (const std::uint64_t stream : streams) {
        for (std::uint64_t j = 0; j < batch; ++j) EXPECT_TRUE(sequences.insert(stream + j).second) << trial.id();
      }
      EXPECT_EQ(streams[1], trial.prompt_stream);
      // A process warms up with a prompt of the planned warm-ups or of the previous block.
      EXPECT_EQ(streams[0], block == 0 ? plan_warmups(e, point).front().prompt_stream
                                       : plan_block(e, point, block - 1).front().prompt_stream);
    }
  }
}

TEST(ExperimentPlan, PlacesOfPromptsAreDistinctForAModel) {
  const Experiment e = StubWorld{}.load(kText, {"measure.repeat_disturbed=1"});
  const PromptPlaces places(e);
  std::set<std::pair<std::string, std::int64_t>> seen;
  std::size_t expected = 0;
  for (const PlannedTrial& trial : make_plan(e)) {
    if (trial.contender != 0) continue;
    const Point& point = e.points[static_cast<std::size_t>(trial.point)];
    for (std::int32_t attempt = 0; attempt <= (trial.block < 0 ? 0 : 1); ++attempt) {
      const std::uint64_t stream = attempt_stream(e, trial, attempt);
      for (std::int32_t j = 0; j < point.batch; ++j, ++expected) {
        seen.emplace(point.model, places.place(trial.point, stream + static_cast<std::uint64_t>(j)));
      }
    }
  }
  EXPECT_EQ(seen.size(), expected);
  EXPECT_EQ(places.most_in_a_process(e.points[0]), 2 * e.points[0].batch * 2);  // blocks, sequences, attempts
  Experiment kept = e;
  kept.measure.fresh_processes = false;
  EXPECT_EQ(PromptPlaces(kept).most_in_a_process(e.points[0]), 4 * (2 + 3) * (2 + 6 * 2));
}

TEST(ExperimentPlan, PromptsFollowTheirSeedOnly) {
  const Experiment e = StubWorld{}.load(kText);
  Experiment other_order = e;
  other_order.measure.seed = 77;
  Experiment other_prompts = e;
  other_prompts.prompts.seed = 77;
  EXPECT_EQ(make_plan(e)[0].prompt_stream, make_plan(other_order)[0].prompt_stream);
  EXPECT_NE(make_plan(e)[0].prompt_stream, make_plan(other_prompts)[0].prompt_stream);
}

TEST(ExperimentPlan, ModelsAndThreadsAreGrouped) {
  Experiment e = StubWorld{}.load(kText);
  std::reverse(e.points.begin(), e.points.end());
  std::swap(e.points[0], e.points[6]);
  std::swap(e.points[3], e.points[12]);
  std::set<std::pair<std::string, std::int32_t>> seen;
  std::pair<std::string, std::int32_t> present;
  std::set<std::int32_t> points;
  for (const PlannedTrial& trial : make_plan(e)) {
    const Point& point = e.points[static_cast<std::size_t>(trial.point)];
    points.insert(trial.point);
    const std::pair<std::string, std::int32_t> group{point.model, point.threads};
    if (group == present) continue;
    EXPECT_TRUE(seen.insert(group).second) << group.first << " is loaded twice";
    present = group;
  }
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_EQ(points.size(), e.points.size());
}

TEST(ExperimentPlanText, SaysWhatWouldRun) {
  const Experiment e = StubWorld{}.load(R"(
name: small
backends: [{plugin: cpu_ref, name: reference}, {plugin: cpu_quant, options: {tile: 8}}]
models: [synthetic:gpt2, ./shakespeare]
sweep: {prompt_tokens: [32], generate_tokens: 16, batch: 4}
measure: {blocks: 3, warmup: 1}
)");
  EXPECT_EQ(plan_text(e), R"(experiment small

2 models
  synthetic:gpt2  124M parameters, context 1024
  /exp/shakespeare  3.5M parameters, context 256

2 contenders
  reference  cpu_ref in fp32  (baseline)
  cpu_quant:int8  cpu_quant in int8, tile 8

2 points
  prompt generate  batch  threads  model
      32       16      4        2  synthetic:gpt2
      32       16      4        2  shakespeare

16 trials: 2 points x 2 contenders x 4 repetitions, 4 of them warm-up
estimated time: 14 s (a guess from 50 GFLOP/s and 8 GB/s per thread; nothing was measured)
)");
}

TEST(ExperimentPlanText, CountsTheTrialsOfADevice) {
  const Experiment e = StubWorld{}.load(kWithDevice);
  EXPECT_THAT(plan_text(e),
              HasSubstr("\n64 trials: 8 pairs of point and contender (threads are no axis of a device) x 8 "
                        "repetitions, 16 of them warm-up\n"));
  EXPECT_THAT(plan_text(e, {1, 5}), HasSubstr("\n8 trials: 1 pair of point"));
  EXPECT_THAT(plan_text(e, {3, 5}), HasSubstr("\n16 trials: 1 point x 2 contenders x 8 repetitions"));
}

TEST(ExperimentPlanText, SaysThatBlocksMayBeAdded) {
  EXPECT_THAT(plan_text(StubWorld{}.load(kText)), testing::Not(HasSubstr("measure.until")));
  EXPECT_THAT(plan_text(StubWorld{}.load(kText, {"measure.until={max_blocks: 20, max_minutes: 3}"})),
              HasSubstr("\nmeasure.until may add blocks: up to 14 at each point, or 3 min\n"));
}

TEST(ExperimentPlanText, LongListsAreCut) {
  const Experiment e = StubWorld{}.load(kText, {"sweep.batch=[1,2,3,4,5,6,7,8]"});
  EXPECT_THAT(plan_text(e), HasSubstr("  ... and 24 more\n"));
}

TEST(ExperimentPlanText, TheEstimateGrowsWithTheWork) {
  const Experiment e = StubWorld{}.load(kText);
  const double seconds = estimate_seconds(e);
  EXPECT_GT(seconds, 0);
  EXPECT_GT(estimate_seconds(StubWorld{}.load(kText, {"measure.blocks=12"})), seconds);
  EXPECT_GT(estimate_seconds(StubWorld{}.load(kText, {"sweep.generate_tokens=64"})), seconds);
  EXPECT_GT(estimate_seconds(StubWorld{}.load(kText, {"sweep.prompt_tokens=[64,128]"})), seconds);
  const std::size_t trials = make_plan(e).size();
  EXPECT_NEAR(estimate_seconds(StubWorld{}.load(kText, {"measure.cooldown_s=2"})),
              seconds + 2.0 * static_cast<double>(trials), 1e-6 * seconds);
}

}  // namespace
}  // namespace inferbench
