// SPDX-License-Identifier: Apache-2.0
// Scenarios in experiment files.
#include <gmock/gmock.h>

#include "experiment/plan.hpp"
#include "experiment/plan_text.hpp"
#include "experiment/serving.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

StubWorld world_with_traces() {
  StubWorld world;
  world.files["/exp/azure.csv"] = "TIMESTAMP,ContextTokens,GeneratedTokens\n0,100,20\n1,300,5\n90,4000,7\n";
  world.files["/exp/wrong.csv"] = "arrival_s,prompt_tokens,output_tokens\n2,1,1\n1,1,1\n";
  return world;
}

Experiment load_with(const std::string& rest) {
  return world_with_traces().load("backends: cpu_ref\nmodels: synthetic:gpt2\n" + rest);
}

std::string mistake(const std::string& rest) {
  try {
    load_with(rest);
  } catch (const Error& error) {
    EXPECT_FALSE(error.cure().empty()) << error.what();
    return error.what();
  }
  return "no error";
}

std::vector<std::string> workloads(const Experiment& experiment) {
  std::vector<std::string> texts;
  for (const Point& point : experiment.points) texts.push_back(workload_text(point));
  return texts;
}

TEST(ExperimentServing, EachScenarioIsAPoint) {
  const Experiment experiment = load_with(
      "sweep: {threads: 1, prompt_tokens: [8, 16], generate_tokens: 4, batch: [1, 2], past_tokens: [0, 32], scenario: "
      "[batch, offline, {closed: {concurrency: [1, 8]}, open: {rate: 0.5}}]}\n"
      "serving: {max_batch: 4}\n");
  // 8 batches, and 4 scenarios at 2 lengths.
  ASSERT_EQ(experiment.points.size(), 16U);
  EXPECT_THAT(workloads(experiment), testing::IsSupersetOf({"prompt 8, generate 4, batch 2, threads 1, past 32",
                                                            "prompt 16, generate 4, batch 4, threads 1, offline",
                                                            "prompt 8, generate 4, batch 4, threads 1, closed 8",
                                                            "prompt 8, generate 4, batch 4, threads 1, open 0.5/s"}));
  EXPECT_EQ(experiment.serving.scenarios.size(), 4U);
}

TEST(ExperimentServing, LengthsOfServingReplaceTheAxes) {
  const Experiment experiment = load_with(
      "sweep: {threads: 1, prompt_tokens: [8, 16], scenario: {closed: {concurrency: 2}}}\n"
      "serving: {prompt_tokens: {min: 10, max: 100, median: 30, sigma: 0.5}, generate_tokens: {min: 5, max: 9}}\n");
  EXPECT_THAT(workloads(experiment), ElementsAre("prompt 100, generate 9, batch 8, threads 1, closed 2"));
  const RequestMix mix = mix_of(experiment.serving, experiment.points.front());
  EXPECT_EQ(to_string(mix.prompt), "lognormal, median 30, sigma 0.5, 10 to 100");
  EXPECT_EQ(to_string(mix.output), "5 to 9");
}

TEST(ExperimentServing, ATraceBringsItsOwnLengths) {
  const Experiment experiment = load_with("sweep: {threads: 1, scenario: {trace: azure.csv}}\n");
  EXPECT_THAT(workloads(experiment), ElementsAre("prompt 4000, generate 20, batch 8, threads 1, trace azure.csv"));
  const Experiment shorter =
      load_with("sweep: {threads: 1, scenario: {trace: azure.csv}}\nserving: {duration_s: 10}\n");
  EXPECT_EQ(shorter.points.front().prompt_tokens, 300);
}

TEST(ExperimentServing, TheResolvedFormIsTheSameExperiment) {
  const std::string rest =
      "sweep: {threads: 1, scenario: [batch, offline, {closed: {concurrency: 2}, open: {rate: [0.1, 3], arrivals: "
      "constant}, trace: azure.csv}]}\n"
      "serving: {policy: prefill_first, requests: 20, ramp_up: 0, duration_s: 7, prompt_tokens: {min: 1, max: 5}, "
      "generate_tokens: {min: 1, max: 5, median: 2, sigma: 1}, objective: {ttft_ms: 100}}\n"
      "targets: [{scenario: closed 2, metric: ttft_ms, at_most: 10}, {scenario: batch, metric: ttft_ms, at_most: 9}]\n";
  const Experiment experiment = load_with(rest);
  const Experiment again = world_with_traces().load(experiment.resolved_yaml);
  EXPECT_EQ(again, experiment) << experiment.resolved_yaml;
  EXPECT_THAT(plan_text(experiment), HasSubstr("open 0.1/s constant"));
}

TEST(ExperimentServing, ASearchIsAPoint) {
  const Experiment experiment = load_with(
      "sweep: {threads: 1, scenario: [{find: {max_rate: {objective: {ttft_ms: 200}, percentile: 90, within: 2%}}}, "
      "{find: {max_rate: {objective: "
      "{tpot_ms: 7.5}, arrivals: constant}}}]}\n"
      "serving: {requests: 120}\n");
  EXPECT_THAT(workloads(experiment),
              ElementsAre("prompt 128, generate 32, batch 8, threads 1, max rate p90 ttft 200 ms",
                          "prompt 128, generate 32, batch 8, threads 1, max rate p99 tpot 7.5 ms constant"));
  const RateGoal& goal = scenario_of(experiment.serving, experiment.points.front())->goal;
  EXPECT_EQ(goal.objective.ttft_ms, 200);
  EXPECT_EQ(goal.within, 0.02);
  EXPECT_EQ(world_with_traces().load(experiment.resolved_yaml), experiment) << experiment.resolved_yaml;
}

TEST(ExperimentServing, ATargetNeedsAPointWithItsMetric) {
  const std::string batch = "sweep: {threads: 1, generate_tokens: 1}\ntargets: [{metric: ";
  EXPECT_EQ(mistake(batch + "output_tokens_per_s, at_least: 1}]\n"),
            "/exp/e.yaml:4:11: targets: output_tokens_per_s needs a scenario, which no point has");
  EXPECT_EQ(mistake(batch + "decode_ms_per_token, at_most: 1}]\n"),
            "/exp/e.yaml:4:11: targets: decode_ms_per_token needs 2 generated tokens or more, which no point has");
  EXPECT_EQ(mistake(batch + "prefill_tokens_per_s, at_least: 1}]\n"), "no error");
  const std::string load = "sweep: {threads: 1, scenario: offline}\ntargets: [{metric: ";
  EXPECT_EQ(mistake(load + "max_rate_per_s, at_least: 1}]\n"),
            "/exp/e.yaml:4:11: targets: max_rate_per_s needs a search for the highest rate, which no point has");
  EXPECT_EQ(
      mistake(load + "decode_tokens_per_s, scenario: offline, at_least: 1}]\n"),
      "/exp/e.yaml:4:11: targets: decode_tokens_per_s needs a batch with 2 generated tokens or more, which no point "
      "at scenario offline has");
}

TEST(ExperimentServing, EachScenarioRunsWithEachDelivery) {
  const Experiment experiment = load_with(
      "sweep: {threads: 1, scenario: [batch, offline, {closed: {concurrency: 2}}]}\nserving: {delivery: [stream, "
      "whole]}\n");
  EXPECT_THAT(workloads(experiment), ElementsAre("prompt 128, generate 32, batch 1, threads 1",
                                                 "prompt 128, generate 32, batch 8, threads 1, offline, stream",
                                                 "prompt 128, generate 32, batch 8, threads 1, offline, whole",
                                                 "prompt 128, generate 32, batch 8, threads 1, closed 2, stream",
                                                 "prompt 128, generate 32, batch 8, threads 1, closed 2, whole"));
  EXPECT_EQ(world_with_traces().load(experiment.resolved_yaml), experiment) << experiment.resolved_yaml;
}

TEST(ExperimentServing, LengthsOfAFileThatFitIntoTheContext) {
  const auto with = [](const std::string& file, const std::string& sweep, const std::string& more = "") {
    StubWorld world = world_with_traces();
    world.files["/exp/chats.json"] = "10 5  900 2  2 900  1000 100";  // the last one has 1099 positions
    world.files["/exp/questions.txt"] = std::string(640, 'x') + "\nshort\n";
    return world.load("backends: cpu_ref\nmodels: synthetic:gpt2\nsweep: {threads: 1, scenario: offline" + sweep +
                      "}\nserving: {lengths_from: " + file + more + "}\n");
  };
  const Experiment chats = with("chats.json", ", prompt_tokens: [8, 9], generate_tokens: [3, 4]");
  EXPECT_THAT(workloads(chats), ElementsAre("prompt 900, generate 900, batch 8, threads 1, offline"));
  EXPECT_EQ(mix_of(chats.serving, chats.points.front()).samples.size(), 3U);
  const Experiment short_answers = with("chats.json", "", ", generate_tokens: {min: 1, max: 4}");
  EXPECT_THAT(workloads(short_answers), ElementsAre("prompt 1000, generate 4, batch 8, threads 1, offline"));
  const Experiment questions = with("questions.txt", ", prompt_tokens: [8, 9], generate_tokens: [3, 4]");
  EXPECT_THAT(workloads(questions), ElementsAre("prompt 11, generate 3, batch 8, threads 1, offline",
                                                "prompt 11, generate 4, batch 8, threads 1, offline"));
  EXPECT_THROW(with("none.txt", ""), Error);
  EXPECT_THROW(with("chats.json", "", ", prompt_tokens: {min: 1, max: 4}"), Error);
}

TEST(ExperimentServing, FilesWithoutScenariosAreWhatTheyWere) {
  EXPECT_EQ(load_with("sweep: {threads: 1}\n"), load_with("sweep: {threads: 1, scenario: batch}\n"));
  EXPECT_EQ(load_with("sweep: {threads: 1}\n"), load_with("sweep: {threads: 1}\nserving: {max_batch: 3}\n"));
  EXPECT_THAT(load_with("sweep: {threads: 1}\n").resolved_yaml, testing::Not(HasSubstr("serving")));
}

TEST(ExperimentServing, PromptsOfOneRunNeverOccurInAnother) {
  const Experiment experiment =
      load_with("sweep: {threads: 1, scenario: {closed: {concurrency: 2}}}\nserving: {requests: 50}\n");
  const auto first = plan_block(experiment, 0, 0).front().prompt_stream;
  const auto second = plan_block(experiment, 0, 1).front().prompt_stream;
  EXPECT_EQ(second - first, 100U);  // two attempts of 50 requests
  EXPECT_EQ(first - plan_warmups(experiment, 0).front().prompt_stream, 50U);
}

TEST(ExperimentServing, MistakesAreNamed) {
  const auto scenario = [](const std::string& text) {
    return mistake("sweep: {threads: 1, scenario: " + text + "}\n");
  };
  EXPECT_THAT(scenario("{open: {rate: 0}}"), HasSubstr("sweep.scenario.open.rate"));
  EXPECT_THAT(scenario("{open: {rate: 0}}"), StartsWith("/exp/e.yaml:3:"));
  EXPECT_THAT(scenario("{open: {arrivals: poisson}}"), HasSubstr("'sweep.scenario.open.rate' is missing"));
  EXPECT_THAT(scenario("{closed: {concurrency: 0}}"), HasSubstr("sweep.scenario.closed.concurrency"));
  EXPECT_THAT(scenario("online"), HasSubstr("expected batch, offline, or a map"));
  EXPECT_THAT(scenario("[offline, offline]"), HasSubstr("'offline' occurs twice"));
  EXPECT_THAT(scenario("[{open: {rate: [2, 2.0]}}]"), HasSubstr("'open 2/s' occurs twice"));
  EXPECT_THAT(scenario("{trace: wrong.csv}"), HasSubstr("wrong.csv:3: the request arrives before"));
  EXPECT_THAT(scenario("{trace: none.csv}"), HasSubstr("cannot read the trace"));
  EXPECT_THAT(scenario("{open: {rate: 0.1}}"), HasSubstr("arrive over 1200 s, expected at most limits.timeout_s"));
  EXPECT_THAT(scenario("{find: {max_rate: {}}}"), HasSubstr("'sweep.scenario.find.max_rate.objective' is missing"));
  EXPECT_THAT(scenario("{find: {max_rate: {objective: {ttft_ms: 0}}}}"),
              HasSubstr("sweep.scenario.find.max_rate.objective.ttft_ms"));
  EXPECT_THAT(scenario("{find: {max_rate: {objective: {}}}}"), HasSubstr("found no bound"));
  EXPECT_THAT(
      mistake(
          "sweep: {threads: 1, scenario: {find: {max_rate: {objective: {ttft_ms: 1}}}}}\nserving: {requests: 100}\n"),
      HasSubstr("99% of 90 requests without the ramp-up are all of them, expected at least 100 requests"));
  EXPECT_THAT(scenario("{find: {lowest: 1}}"), HasSubstr("unknown key 'lowest'"));
  const auto serving = [](const std::string& text) {
    return mistake("sweep: {threads: 1, scenario: offline}\nserving: " + text + "\n");
  };
  EXPECT_THAT(serving("{delivery: [whole, whole]}"), HasSubstr("serving.delivery: 'whole' occurs twice"));
  EXPECT_THAT(serving("{delivery: later}"), HasSubstr("serving.delivery"));
  StubWorld no_text = world_with_traces();
  no_text.without_tokenizer = {"synthetic:gpt2"};
  EXPECT_THROW(no_text.load("backends: cpu_ref\nmodels: synthetic:gpt2\nsweep: {threads: 1, scenario: "
                            "offline}\nserving: {delivery: whole}\n"),
               Error);
  EXPECT_NO_THROW(no_text.load("backends: cpu_ref\nmodels: synthetic:gpt2\nsweep: {threads: 1, scenario: offline}\n"));
  EXPECT_THAT(serving("{max_batch: 8, token_budget: 7}"), HasSubstr("serving.token_budget: 7 is less than the 8"));
  EXPECT_THAT(serving("{prompt_tokens: {min: 9, max: 8}}"), HasSubstr("serving.prompt_tokens.max"));
  EXPECT_THAT(serving("{prompt_tokens: {min: 9}}"), HasSubstr("'serving.prompt_tokens.max' is missing"));
  EXPECT_THAT(serving("{prompt_tokens: {min: 1, max: 8, sigma: 1}}"), HasSubstr("'median' is missing"));
  EXPECT_THAT(serving("{generate_tokens: {min: 1, max: 1000}}"), HasSubstr("has a context of 1024"));
}

}  // namespace
}  // namespace inferbench
