// SPDX-License-Identifier: Apache-2.0
// The meaning of an experiment file: defaults, contenders, points, extends, --set, and the resolved form.
#include <gmock/gmock.h>

#include <algorithm>

#include "experiment/plan_text.hpp"
#include "experiment/targets.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr const char* kSmall = "backends: cpu_ref\nmodels: synthetic:gpt2\n";

std::vector<std::string> names(const Experiment& experiment) {
  std::vector<std::string> all;
  for (const Contender& contender : experiment.contenders) all.push_back(contender.name);
  return all;
}

// "prompt/generate/batch/threads" for each point.
std::vector<std::string> shapes(const Experiment& experiment) {
  std::vector<std::string> all;
  for (const Point& point : experiment.points) {
    all.push_back(std::to_string(point.prompt_tokens) + "/" + std::to_string(point.generate_tokens) + "/" +
                  std::to_string(point.batch) + "/" + std::to_string(point.threads));
  }
  return all;
}

TEST(ExperimentLoad, DefaultsFillTheRest) {
  const Experiment e = StubWorld{}.load(kSmall);
  EXPECT_EQ(e.name, "e");
  EXPECT_EQ(e.file, "/exp/e.yaml");
  EXPECT_THAT(names(e), ElementsAre("cpu_ref:fp32"));
  EXPECT_EQ(e.contenders[0], (Contender{"cpu_ref:fp32", "cpu_ref", "fp32", {}}));
  EXPECT_EQ(e.baseline, "cpu_ref:fp32");
  EXPECT_THAT(e.models, ElementsAre("synthetic:gpt2"));
  EXPECT_EQ(e.model_facts[0].n_parameters, 124'439'808U);
  EXPECT_THAT(shapes(e), ElementsAre("128/32/1/2"));
  EXPECT_EQ(e.measure, MeasureSettings{});
  EXPECT_EQ(e.limits, Limits{});
  EXPECT_FALSE(e.quality);
  EXPECT_FALSE(e.interactive);
  EXPECT_TRUE(e.targets.empty());
}

TEST(ExperimentLoad, OptionalContendersThatThisMachineLacksAreLeftOut) {
  const Experiment e = StubWorld{}.load(R"(
backends:
  - cpu_ref
  - {plugin: torch, precision: [fp32, int8], optional: true}
  - {plugin: cpu_quant, precision: [int8, fp8], optional: true}
models: synthetic:gpt2
)");
  EXPECT_THAT(names(e), ElementsAre("cpu_ref:fp32", "cpu_quant:int8"));
  EXPECT_THAT(e.left_out, ElementsAre("torch: no backend 'torch' in /lib/inferbench",
                                      "cpu_quant:fp8: the backend does not offer this precision here"));
  // The resolved form describes the actual run, so rerunning it without one of its backends is an error.
  EXPECT_EQ(e.resolved_yaml.find("optional"), std::string::npos);
  EXPECT_EQ(e.resolved_yaml.find("torch"), std::string::npos);
  EXPECT_NE(plan_text(e).find("left out  torch: no backend 'torch'"), std::string::npos);
}

TEST(ExperimentLoad, DevicesMultiplyOutLikePrecisions) {
  const Experiment e = StubWorld{}.load(R"(
backends:
  - {plugin: cuda, precision: [bf16, int8], device: ["cuda:0", "cuda:1"]}
  - {plugin: cuda, name: second, device: "cuda:1"}
  - {plugin: cpu_ref, device: cpu}
  - {plugin: cuda, name: first}
models: synthetic:gpt2
)");
  EXPECT_THAT(names(e), ElementsAre("cuda:bf16@cuda:0", "cuda:bf16@cuda:1", "cuda:int8@cuda:0", "cuda:int8@cuda:1",
                                    "second", "cpu_ref:fp32", "first"));
  std::vector<std::string> devices;
  for (const Contender& contender : e.contenders) devices.push_back(contender.device);
  // The CPU has no name where it is the default: an experiment that names it is the one that does not.
  EXPECT_THAT(devices, ElementsAre("cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:1", "", "cuda:0"));
  EXPECT_NE(plan_text(e).find("  second  cuda in bf16 on cuda:1\n"), std::string::npos);
  EXPECT_EQ(StubWorld{}.load(e.resolved_yaml).contenders, e.contenders);
}

TEST(ExperimentLoad, TheShortFormNamesADevice) {
  const Experiment e = StubWorld{}.load(R"(
backends: [cuda, "cuda@cuda:1", "cuda:int8@cuda:1", cpu_ref@cpu]
models: synthetic:gpt2
)");
  EXPECT_THAT(names(e), ElementsAre("cuda:bf16", "cuda:bf16@cuda:1", "cuda:int8@cuda:1", "cpu_ref:fp32@cpu"));
  std::vector<std::string> devices;
  for (const Contender& contender : e.contenders) devices.push_back(contender.device);
  EXPECT_THAT(devices, ElementsAre("cuda:0", "cuda:1", "cuda:1", ""));
  EXPECT_EQ(StubWorld{}.load(e.resolved_yaml).contenders, e.contenders);
}

TEST(ExperimentLoad, OptionalContendersWithoutADeviceHereAreLeftOut) {
  const Experiment e = StubWorld{}.load(R"(
backends:
  - {plugin: cuda, device: ["cuda:1", "cuda:2"], optional: true}
  - {plugin: cuda_alone, optional: true}
models: synthetic:gpt2
)");
  EXPECT_THAT(names(e), ElementsAre("cuda:bf16"));
  EXPECT_EQ(e.contenders[0].device, "cuda:1");
  EXPECT_THAT(e.left_out, ElementsAre("cuda@cuda:2: the backend does not offer this device here",
                                      "cuda_alone: no device: no NVIDIA driver is installed"));
}

TEST(ExperimentLoad, EverySectionIsRead) {
  StubWorld world;
  world.files["/exp/v.txt"] = std::string(1000, 'x');
  const Experiment e = world.load(R"(
name: all-of_it.1
backends: [cpu_ref, "cpu_quant:int8"]
baseline: cpu_quant:int8
models: [synthetic:gpt2, ./shakespeare]
sweep: {prompt_tokens: 64, generate_tokens: [1, 2], batch: 3, threads: [1]}
prompts: {seed: 18446744073709551615, file: v.txt}
measure: {blocks: 7, warmup: 0, cooldown_s: 0.5, seed: 9}
limits: {timeout_s: 1.5, memory: 8GiB}
quality: {text: ./v.txt, windows: 12, max_kl: {int8: 2e-4, int4: 0.02}}
targets:
  - {contender: "cpu_quant:int8", metric: decode_tokens_per_s, at_least: 1.5 x baseline}
  - {metric: ttft_ms, percentile: 95, at_most: 200}
  - {metric: peak_rss_bytes, at_most: 1GiB}
interactive: {metric: decode_ms_per_token, at_most: 200}
)");
  EXPECT_EQ(e.name, "all-of_it.1");
  EXPECT_EQ(e.baseline, "cpu_quant:int8");
  EXPECT_THAT(e.models, ElementsAre("synthetic:gpt2", "/exp/shakespeare"));
  EXPECT_EQ(e.points.size(), 4U);
  EXPECT_EQ(e.points[3], (Point{"/exp/shakespeare", 64, 2, 3, 1}));
  EXPECT_EQ(e.prompts, (Prompts{18446744073709551615U, "/exp/v.txt"}));
  EXPECT_EQ(e.measure, (MeasureSettings{7, 0, 0.5, 9}));
  EXPECT_EQ(e.limits, (Limits{1.5, 8589934592U}));
  EXPECT_EQ(e.quality->text, "/exp/v.txt");
  EXPECT_EQ(e.quality->windows, 12);
  EXPECT_EQ(e.quality->reference, "cpu_ref");
  EXPECT_THAT(e.quality->max_kl, UnorderedElementsAre(Pair("int8", 2e-4), Pair("int4", 0.02)));
  EXPECT_THAT(e.targets, ElementsAre(Target{"cpu_quant:int8", "decode_tokens_per_s", std::nullopt, true, 1.5, true},
                                     Target{"", "ttft_ms", 95, false, 200, false},
                                     Target{"", "peak_rss_bytes", std::nullopt, false, 1073741824, false}));
  EXPECT_EQ(e.interactive, (Target{"", "decode_ms_per_token", std::nullopt, false, 200, false}));
}

TEST(ExperimentLoad, PrecisionsAndOptionsMultiplyOut) {
  const Experiment e = StubWorld{}.load(R"(
backends:
  - {plugin: cpu_quant, precision: [int8, int4], options: {tile: [16, 32], isa: avx2}}
models: synthetic:gpt2
)");
  EXPECT_THAT(names(e), ElementsAre("cpu_quant:int8/tile=16", "cpu_quant:int8/tile=32", "cpu_quant:int4/tile=16",
                                    "cpu_quant:int4/tile=32"));
  EXPECT_THAT(e.contenders[3].options, ElementsAre(Pair("isa", "avx2"), Pair("tile", "32")));
  EXPECT_EQ(e.contenders[3].precision, "int4");
}

TEST(ExperimentLoad, TheLastOptionVariesFastest) {
  const Experiment e = StubWorld{}.load(
      "backends: {plugin: cpu_quant, options: {tile: [1, 2], isa: [auto, avx2]}}\nmodels: synthetic:gpt2\n");
  EXPECT_THAT(names(e), ElementsAre("cpu_quant:int8/tile=1/isa=auto", "cpu_quant:int8/tile=1/isa=avx2",
                                    "cpu_quant:int8/tile=2/isa=auto", "cpu_quant:int8/tile=2/isa=avx2"));
}

TEST(ExperimentLoad, AGivenNameGetsWhatVaries) {
  const Experiment e = StubWorld{}.load(R"(
backends:
  - {plugin: cpu_ref, name: reference}
  - {plugin: cpu_quant, name: q, precision: [int8, int4]}
  - {plugin: cpu_quant, name: t, options: {tile: [8, 16]}}
  - ./libmine.so
models: synthetic:gpt2
)");
  EXPECT_THAT(names(e), ElementsAre("reference", "q:int8", "q:int4", "t/tile=8", "t/tile=16", "mine:fp32"));
  EXPECT_EQ(e.contenders[5].plugin, "/exp/libmine.so");
}

TEST(ExperimentLoad, EachBackendIsAskedOnce) {
  const StubWorld world;
  world.load("backends: [cpu_ref, {plugin: cpu_ref, name: b}, {plugin: cpu_ref, name: c}]\nmodels: synthetic:gpt2\n");
  EXPECT_EQ(world.backend_calls, 1);
}

TEST(ExperimentLoad, AxesMultiplyWithThreadsSlowest) {
  const Experiment e = StubWorld{}.load(std::string(kSmall) + R"(
sweep: {batch: [1, 4], prompt_tokens: [32, 64], generate_tokens: 8, threads: [1, 2],
        exclude: [{prompt_tokens: 64, batch: 4}, {threads: 2, batch: [1, 4], prompt_tokens: 32}]}
)");
  EXPECT_THAT(shapes(e), ElementsAre("32/8/1/1", "32/8/4/1", "64/8/1/1", "64/8/1/2"));
}

TEST(ExperimentLoad, ModelsCanBeExcluded) {
  const Experiment e = StubWorld{}.load(R"(
backends: cpu_ref
models: [synthetic:gpt2, ./shakespeare]
sweep: {prompt_tokens: [32, 512], exclude: {model: ./shakespeare, prompt_tokens: 512}}
)");
  EXPECT_THAT(shapes(e), ElementsAre("32/32/1/2", "512/32/1/2", "32/32/1/2"));
  EXPECT_EQ(e.points[2].model, "/exp/shakespeare");
}

TEST(ExperimentLoad, ThreadWordsFitTheMachine) {
  const StubWorld world;
  ExperimentLookups lookups = world.lookups();
  const auto threads = [&](const std::string& value, std::int32_t cpus) {
    lookups.usable_cpus = cpus;
    std::vector<std::int32_t> counts;
    const std::string text = std::string(kSmall) + "sweep: {threads: " + value + "}\n";
    for (const Point& point : load_experiment_text(text, "/exp/e.yaml", {}, lookups).points) {
      counts.push_back(point.threads);
    }
    return counts;
  };
  EXPECT_THAT(threads("all", 6), ElementsAre(6));
  EXPECT_THAT(threads("doubling", 1), ElementsAre(1));
  EXPECT_THAT(threads("doubling", 6), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(threads("doubling", 8), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(threads("[1, all]", 3), ElementsAre(1, 3));
}

TEST(ExperimentLoad, ExtendsMergesMapsReplacesListsAndKeepsEachFilesPaths) {
  StubWorld world;
  world.files["/exp/shared/base.yaml"] = R"(
backends: [cpu_ref, cpu_quant]
models: [./shakespeare]
sweep: {prompt_tokens: [16, 32], batch: [2]}
quality: {text: v.txt}
measure: {blocks: 3, seed: 5}
)";
  world.files["/exp/shared/v.txt"] = std::string(1000, 'x');
  const Experiment e = world.load(R"(
extends: shared/base.yaml
backends: [cpu_quant]
sweep: {prompt_tokens: [8]}
measure: {blocks: 4}
)");
  EXPECT_THAT(names(e), ElementsAre("cpu_quant:int8"));
  EXPECT_THAT(shapes(e), ElementsAre("8/32/2/2"));
  EXPECT_THAT(e.models, ElementsAre("/exp/shared/shakespeare"));
  EXPECT_EQ(e.quality->text, "/exp/shared/v.txt");
  EXPECT_EQ(e.measure.blocks, 4);
  EXPECT_EQ(e.measure.seed, 5U);
}

TEST(ExperimentLoad, NullTakesASectionAway) {
  StubWorld world;
  world.files["/exp/base.yaml"] = std::string(kSmall) + "limits: {memory: 1GiB}\nmeasure: {blocks: 3}\n";
  const Experiment e = world.load("extends: base.yaml\nlimits:\n", {"measure.blocks=~"});
  EXPECT_EQ(e.limits, Limits{});
  EXPECT_EQ(e.measure.blocks, MeasureSettings{}.blocks);
}

TEST(ExperimentLoad, ReadsHowLongToMeasure) {
  const auto measure = [](const std::string& text) {
    return StubWorld{}.load(std::string(kSmall) + "measure: {" + text + "}\n").measure;
  };
  EXPECT_FALSE(measure("blocks: 3").until);
  EXPECT_EQ(measure("until: {ratio_interval: 2%, max_blocks: 30, max_minutes: 1.5}").until, (Until{0.02, 30, 1.5}));
  EXPECT_EQ(measure("until: {ratio_interval: 0.005}").until, (Until{0.005, 50, 10}));
  EXPECT_EQ(measure("until: {}, blocks: 70").until, (Until{0.01, 70, 10}));
  EXPECT_EQ(measure("repeat_disturbed: 0, machine_limits: never").repeat_disturbed, 0);
  EXPECT_EQ(measure("machine_limits: never").machine_limits, MachineLimitsMode::kNever);
  EXPECT_TRUE(measure("blocks: 3").fresh_processes);
  EXPECT_FALSE(measure("fresh_processes: false").fresh_processes);
  EXPECT_EQ(StubWorld{}.load(std::string(kSmall) + "load: {cache: cold}\n").load.cache, PageCache::kCold);
}

TEST(ExperimentLoad, SetReachesEveryPlace) {
  const std::string text = "backends: [cpu_ref, {plugin: cpu_quant, precision: int8}]\nmodels: synthetic:gpt2\n";
  const Experiment e =
      StubWorld{}.load(text, {"sweep.batch=[1, 8]", "sweep.prompt_tokens=16", "name=other", "measure={blocks: 2}",
                              "measure.warmup=0", "backends.1.precision=[int4,int8]", "sweep.batch=[4]"});
  EXPECT_THAT(shapes(e), ElementsAre("16/32/4/2"));
  EXPECT_EQ(e.name, "other");
  EXPECT_EQ(e.measure, (MeasureSettings{2, 0, 0, 1}));
  EXPECT_THAT(names(e), ElementsAre("cpu_ref:fp32", "cpu_quant:int4", "cpu_quant:int8"));
}

TEST(ExperimentLoad, APointMayFillTheWholeContext) {
  const Experiment e = StubWorld{}.load(R"(
backends: cpu_ref
models: synthetic:gpt2
sweep: {prompt_tokens: 1024, generate_tokens: 1}
)");
  EXPECT_THAT(shapes(e), ElementsAre("1024/1/1/2"));
  EXPECT_EQ(positions_of(e.points[0]), 1024);
}

TEST(ExperimentLoad, PastAndSharedPrefixAreAxesAfterTheOthers) {
  const Experiment e = StubWorld{}.load(R"(
backends: cpu_ref
models: synthetic:gpt2
sweep: {prompt_tokens: [8, 16], generate_tokens: 2, threads: 1, past_tokens: [0, 100], shared_prefix_tokens: [0, 12],
        exclude: [{shared_prefix_tokens: 12, past_tokens: 0}]}
)");
  std::vector<std::string> texts;
  for (const Point& point : e.points) texts.push_back(workload_text(point));
  EXPECT_THAT(
      texts,
      ElementsAre("prompt 8, generate 2, batch 1, threads 1", "prompt 8, generate 2, batch 1, threads 1, past 100",
                  "prompt 8, generate 2, batch 1, threads 1, past 100, shared prefix 12",
                  "prompt 16, generate 2, batch 1, threads 1", "prompt 16, generate 2, batch 1, threads 1, past 100",
                  "prompt 16, generate 2, batch 1, threads 1, past 100, shared prefix 12"));
  EXPECT_EQ(load_experiment_text(e.resolved_yaml, "/exp/e.yaml", {}, StubWorld{}.lookups()), e);
  EXPECT_NE(plan_text(e).find("  prompt generate  batch  threads     past shared prefix  model\n"), std::string::npos);
  // A file without these keys is resolved as in earlier versions, so that their runs can be resumed.
  EXPECT_EQ(StubWorld{}.load(kSmall).resolved_yaml.find("past_tokens"), std::string::npos);
}

TEST(ExperimentLoad, CpusAreChosenAndCountForThreads) {
  const std::string base = "backends: cpu_ref\nmodels: synthetic:gpt2\n";
  const Experiment e = StubWorld{}.load(base + "measure: {cpus: [performance]}\n");
  EXPECT_THAT(e.measure.cpus, ElementsAre(1));
  EXPECT_THAT(shapes(e), ElementsAre("128/32/1/1"));
  EXPECT_EQ(load_experiment_text(e.resolved_yaml, "/exp/e.yaml", {}, StubWorld{}.lookups()), e);
  EXPECT_NE(plan_text(e).find("on the CPUs 1\n"), std::string::npos);
  EXPECT_THAT(StubWorld{}.load(base + "measure: {cpus: [1, 0-1, node:0]}\n").measure.cpus, ElementsAre(0, 1));
  EXPECT_EQ(StubWorld{}.load(base).resolved_yaml.find("cpus"), std::string::npos);
}

TEST(ExperimentLoad, InteractiveIsFoundInTheResolvedForm) {
  const std::string base = "backends: cpu_ref\nmodels: synthetic:gpt2\n";
  const Experiment e = StubWorld{}.load(base + "interactive: {metric: decode_ms_per_token, at_most: 50}\n");
  EXPECT_EQ(interactive_of(e.resolved_yaml), e.interactive);
  EXPECT_FALSE(interactive_of(StubWorld{}.load(base).resolved_yaml));
}

TEST(ExperimentLoad, BoundsOfKlMayNameAContender) {
  const Experiment e = StubWorld{}.load(R"(
backends: [cpu_ref, {plugin: cpu_quant, name: mine, precision: int8}, {plugin: cpu_quant, precision: [int8, int4]}]
models: synthetic:gpt2
quality: {max_kl: {int8: 2e-4, mine: 5e-3, "cpu_quant:int4": 0.1}}
)");
  EXPECT_THAT(e.quality->max_kl,
              UnorderedElementsAre(Pair("int8", 2e-4), Pair("mine", 5e-3), Pair("cpu_quant:int4", 0.1)));
}

TEST(ExperimentLoad, MergeKeysAndAnchorsWorkInEveryFileOfAChain) {
  StubWorld world;
  world.files["/exp/base.yaml"] = R"(
x-fast: &fast {blocks: 2, warmup: 0}
x-seeded: &seeded {seed: 9, blocks: 3}
backends:
  - &quant {plugin: cpu_quant, precision: int8, options: {tile: 8}}
  - {<<: *quant, precision: int4}
models: synthetic:gpt2
measure: {<<: [*fast, *seeded], warmup: 4}
)";
  const Experiment e = world.load("<<: {extends: base.yaml}\nmeasure: {cooldown_s: 1}\n");
  EXPECT_THAT(names(e), ElementsAre("cpu_quant:int8", "cpu_quant:int4"));
  EXPECT_THAT(e.contenders[1].options, UnorderedElementsAre(Pair("tile", "8")));
  EXPECT_EQ(e.measure.blocks, 2) << "the first of the list";
  EXPECT_EQ(e.measure.warmup, 4) << "the map's own";
  EXPECT_EQ(e.measure.seed, 9U);
  EXPECT_EQ(e.measure.cooldown_s, 1);
  const std::string base = "backends: cpu_ref\nmodels: synthetic:gpt2\n";
  EXPECT_EQ(world.load(base, {"measure={<<: {blocks: 8}, seed: 2}"}).measure.blocks, 8);
}

TEST(ExperimentLoad, ResolvedYamlGivesTheSameExperiment) {
  StubWorld world;
  world.files["/exp/base.yaml"] = "limits: {memory: 1.5GiB, timeout_s: 0.1}\nprompts: {file: p.txt, seed: 7}\n";
  world.files["/exp/p.txt"] = std::string(1000, 'x');
  const Experiment e = world.load(R"(
extends: base.yaml
name: "123"
backends:
  - {plugin: cpu_ref, name: "a: b, \"c\" #\u00e9 'x'"}
  - {plugin: cpu_quant, precision: [int8, int4], options: {tile: [8, 16], note: ["", "null", "a\nb\u0001"]}}
  - {plugin: ./libmine.so, name: "true"}
baseline: "true"
models: [./shakespeare, synthetic:gpt2]
sweep: {prompt_tokens: [8, 240], generate_tokens: [1, 20], threads: doubling,
        exclude: [{model: ./shakespeare, prompt_tokens: 240, generate_tokens: [20]}, {threads: 1, prompt_tokens: 240}]}
measure: {cooldown_s: 0.1, until: {ratio_interval: 1.5%, max_blocks: 12}, repeat_disturbed: 2, machine_limits: always,
          fresh_processes: false}
load: {cache: warm}
quality: {max_kl: {int8: 2.3e-7, "true": 0.5, "a: b, \"c\" #\u00e9 'x'": 1e-3}}
targets: [{metric: ttft_ms, percentile: 99.9, at_most: 0.3}, {contender: "true", metric: cpu_s, at_least: 1.1x baseline}]
interactive: {metric: ttft_ms, at_most: 1e22}
)",
                                  {"measure.blocks=3"});
  const Experiment again = load_experiment_text(e.resolved_yaml, "/exp/e.yaml", {}, world.lookups());
  EXPECT_EQ(again.resolved_yaml, e.resolved_yaml);
  EXPECT_EQ(again, e);
  // From another folder, only the path of the file itself differs.
  Experiment elsewhere = load_experiment_text(e.resolved_yaml, "/elsewhere/run.yaml", {}, world.lookups());
  elsewhere.file = e.file;
  EXPECT_EQ(elsewhere, e);
}

// A model under two names would be measured, and paired, twice.
TEST(ExperimentLoad, TwoNamesOfOneFolderAreOneModel) {
  try {
    StubWorld{}.load("backends: [cpu_ref]\nmodels: [./shakespeare, ./alias]\n");
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "/exp/e.yaml:2:25: models: './alias' is the same as './shakespeare' at line 2, expected distinct models");
  }
}

TEST(ExperimentLoad, ModelsOfOneNameAreToldApartByTheirPaths) {
  const Experiment e = StubWorld{}.load("backends: [cpu_ref]\nmodels: [./v1/model, ./v2/model, ./shakespeare]\n");
  ASSERT_EQ(e.model_facts.size(), 3U);
  EXPECT_EQ(e.model_facts[0].name, "v1/model");
  EXPECT_EQ(e.model_facts[1].name, "v2/model");
  EXPECT_EQ(e.model_facts[2].name, "shakespeare");
}

TEST(ExperimentLoad, TargetsAndRegressionsMayBeForPointsOfTheirOwn) {
  const std::string text =
      "backends: [cpu_ref, {plugin: cpu_quant, name: q, precision: int8}]\nmodels: [./shakespeare, synthetic:gpt2]\n"
      "sweep: {prompt_tokens: [8, 16], generate_tokens: [4]}\nquality: {}\n"
      "targets: [{metric: ttft_ms, prompt_tokens: 16, model: ./shakespeare, at_most: 5}, {metric: kl, at_most: 0.01}]\n"
      "regressions: [{threshold: 10%}, {metric: ttft_ms, contender: q, batch: 1, threshold: 0.03}]\n";
  const Experiment e = StubWorld{}.load(text);
  ASSERT_EQ(e.targets.size(), 2U);
  EXPECT_EQ(e.targets[0].where, (PointFilter{"/exp/shakespeare", {{"prompt_tokens", 16}}}));
  EXPECT_EQ(e.targets[1].metric, "kl");
  EXPECT_THAT(e.regressions,
              ElementsAre(RegressionRule{"", "", {}, 0.1}, RegressionRule{"q", "ttft_ms", {"", {{"batch", 1}}}, 0.03}));
  EXPECT_EQ(load_experiment_text(e.resolved_yaml, "/exp/e.yaml", {}, StubWorld{}.lookups()), e);
}

TEST(ExperimentLoad, TargetsThatNothingCouldMeetAreMistakes) {
  const auto refusal = [](const std::string& rest) -> std::string {
    try {
      StubWorld{}.load("backends: [cpu_ref]\nmodels: [synthetic:gpt2]\n" + rest);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal("targets: [{metric: ttft_ms, prompt_tokens: 5, at_most: 1}]\n"),
            "/exp/e.yaml:3:44: targets.prompt_tokens: no point has prompt_tokens 5, expected one of: 128");
  EXPECT_THAT(refusal("targets: [{metric: kl, at_most: 1}]\n"),
              testing::HasSubstr("targets: kl is measured by 'quality', which the experiment does not have"));
  EXPECT_THAT(refusal("quality: {}\ntargets: [{metric: perplexity, at_most: 1}]\n"),
              testing::HasSubstr("perplexity needs a text"));
  EXPECT_THAT(refusal("quality: {}\ntargets: [{metric: kl, batch: 1, at_most: 1}]\n"),
              testing::HasSubstr("kl is measured once for each model, not at points"));
  EXPECT_THAT(refusal("quality: {}\ntargets: [{metric: top1_agreement, at_least: 99}]\n"),
              testing::HasSubstr("top1_agreement is a share, found 99, expected at most 1"));
  EXPECT_THAT(refusal("regressions: [{metric: ttft_ms}]\n"), testing::HasSubstr("'threshold' is missing"));
  EXPECT_THAT(refusal("regressions: [{metric: decode_tokens_per_s, threshold: 100%}]\n"),
              testing::HasSubstr("cannot be lower by 100% or more"));
  EXPECT_THAT(refusal("regressions: [{contender: x, threshold: 1%}]\n"),
              testing::HasSubstr("regressions.contender: unknown contender 'x'"));
}

}  // namespace
}  // namespace inferbench
