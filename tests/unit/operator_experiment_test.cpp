// SPDX-License-Identifier: Apache-2.0
// Operator experiments: the combination of a file and the command line, and the possible mistakes.
#include "experiment/operator_experiment.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "plugin/plugin_path.hpp"
#include "support/test_paths.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class OperatorExperiments : public testing::Test {
 protected:
  OperatorExperiment load(const OperatorFlags& flags, const std::string& text = "") {
    ExperimentLookups lookups = world_.lookups();
    lookups.model = [](const std::string& reference, const std::filesystem::path&) {
      if (reference != "synthetic:gpt2") throw Error("no model '" + reference + "'", "give another");
      ModelFacts facts;
      set_gpt2_sizes(facts.config, 12, 12, 768, 1024, 50257);
      return facts;
    };
    if (text.empty()) return load_operator_experiment(std::nullopt, flags, lookups);
    world_.files["/exp/ops.yaml"] = text;
    return load_operator_experiment("/exp/ops.yaml", flags, lookups);
  }

  static OperatorFlags with_backend() {
    OperatorFlags flags;
    flags.backends = {"cpu_ref"};
    return flags;
  }

  std::string error_of(const OperatorFlags& flags, const std::string& text = "") {
    try {
      load(flags, text);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  static std::vector<std::string> shapes_of(const OperatorExperiment& experiment) {
    std::vector<std::string> texts;
    for (const OperatorPoint& point : experiment.points) {
      texts.push_back(std::string(operator_name(point.spec.op)) + " " + shape_text(point.spec));
    }
    return texts;
  }

  StubWorld world_;
};

TEST_F(OperatorExperiments, FlagsAloneTakeAllOperatorsAtTheModelsSizes) {
  const OperatorExperiment experiment = load(with_backend());
  EXPECT_THAT(experiment.points, SizeIs(16)) << "eight operators at 1 and 128 tokens";
  EXPECT_EQ(experiment.points.front().threads, 2);
  EXPECT_EQ(experiment.baseline, "cpu_ref:fp32");
  EXPECT_EQ(experiment.measure.blocks, 15);
  EXPECT_EQ(experiment.measure.cache, OperatorCache::kCold);
}

TEST_F(OperatorExperiments, ShapesMultiplyOutTheLastKeyFastest) {
  OperatorFlags flags = with_backend();
  flags.ops = {"linear"};
  flags.shapes = {"rows=[1,8],out=[16,32]", "rows=1,in=5,out=7"};
  EXPECT_THAT(shapes_of(load(flags)),
              ElementsAre("linear rows=1 in=768 out=16", "linear rows=1 in=768 out=32", "linear rows=8 in=768 out=16",
                          "linear rows=8 in=768 out=32", "linear rows=1 in=5 out=7"));
  flags.ops = {"attention"};
  flags.shapes = {"tokens=2,past=[0,5],heads=3"};
  EXPECT_THAT(shapes_of(load(flags)), ElementsAre("attention tokens=2 past=0 heads=3 head_dim=64",
                                                  "attention tokens=2 past=5 heads=3 head_dim=64"));
  flags.ops = {"activation"};
  flags.shapes = {"rows=1,width=3,activation=[relu,gelu_new],gated=[true,false]"};
  EXPECT_THAT(shapes_of(load(flags)), ElementsAre("activation rows=1 width=3 activation=relu gated=true",
                                                  "activation rows=1 width=3 activation=relu",
                                                  "activation rows=1 width=3 gated=true", "activation rows=1 width=3"));
  flags.ops = {"layer"};
  flags.shapes = {"tokens=1,past=0,heads=8,kv_heads=[2,8],inner=5,norm=rms_norm,bias=none,rotary=true,window=7"};
  EXPECT_THAT(shapes_of(load(flags)),
              ElementsAre("layer tokens=1 past=0 heads=8 kv_heads=2 head_dim=64 inner=5 norm=rms_norm bias=none "
                          "window=7 rotary=true",
                          "layer tokens=1 past=0 heads=8 head_dim=64 inner=5 norm=rms_norm bias=none window=7 "
                          "rotary=true"));
}

TEST_F(OperatorExperiments, TheCommandLineGoesBeforeTheFile) {
  const std::string text =
      "backends: [{plugin: cpu_quant, precision: [int8, int4]}]\n"
      "tokens: [4]\nops: [norm, {op: linear, shape: [{in: 8, out: 8}]}]\nthreads: [1, 2]\n"
      "measure: {blocks: 3, cache: hot}\nlimits: {timeout_s: 7}\n";
  const OperatorExperiment file = load({}, text);
  EXPECT_THAT(shapes_of(file), ElementsAre("norm rows=4 width=768", "norm rows=4 width=768", "linear rows=4 in=8 out=8",
                                           "linear rows=4 in=8 out=8"));
  EXPECT_EQ(file.name, "ops");
  EXPECT_EQ(file.measure.cache, OperatorCache::kHot);
  EXPECT_EQ(file.limits.timeout_s, 7);
  OperatorFlags flags;
  flags.threads = {"1"};
  flags.blocks = "5";
  flags.baseline = "cpu_quant:int4";
  flags.set = {"measure.seed=9", "tokens=6"};
  const OperatorExperiment both = load(flags, text);
  EXPECT_THAT(both.points, SizeIs(2));
  EXPECT_EQ(both.points.front().spec.rows, 6);
  EXPECT_EQ(both.measure.blocks, 5);
  EXPECT_EQ(both.measure.seed, 9U);
  EXPECT_EQ(both.measure.cache, OperatorCache::kHot);
  EXPECT_EQ(both.baseline, "cpu_quant:int4");
}

TEST_F(OperatorExperiments, MistakesOfTheCommandLineNameTheFlag) {
  EXPECT_THAT(error_of({}), HasSubstr("neither an experiment nor a --backend"));
  OperatorFlags flags = with_backend();
  flags.ops = {"linaer"};
  EXPECT_THAT(error_of(flags), HasSubstr("--op linaer: ops: unknown operator 'linaer'; did you mean 'linear'?"));
  flags.ops = {"linear"};
  flags.shapes = {"rows=1,inn=3"};
  EXPECT_THAT(error_of(flags), HasSubstr("--shape rows=1,inn=3: ops.shape: linear has no 'inn'; did you mean 'in'?"));
  for (const char* shape : {"rows", "=3", "rows=1,", ""}) {
    flags.shapes = {shape};
    EXPECT_THAT(error_of(flags), HasSubstr("expected KEY=VALUE")) << shape;
  }
  for (const char* shape : {"rows=0", "rows=-3", "rows=x", "rows=[]", "rows=1.5"}) {
    flags.shapes = {shape};
    EXPECT_THAT(error_of(flags), HasSubstr("ops.shape.rows: found")) << shape;
  }
  flags.shapes = {"rows=1000000,in=16777216"};
  EXPECT_THAT(error_of(flags), HasSubstr("larger than this program can create"));
  flags.ops = {"attention"};
  flags.shapes = {"heads=100000,head_dim=100000"};
  EXPECT_THAT(error_of(flags), HasSubstr("expected at most 2^24 for heads x head_dim"));
  flags.shapes = {"heads=6,kv_heads=4"};
  EXPECT_THAT(error_of(flags), HasSubstr("attention: heads=6 is not a multiple of kv_heads=4"));
  flags.shapes = {"head_dim=63,rotary=true"};
  EXPECT_THAT(error_of(flags), HasSubstr("head_dim=63 is odd"));
  flags.shapes = {"rotary=2"};
  EXPECT_THAT(error_of(flags), HasSubstr("ops.shape.rotary: found '2', expected true or false"));
  flags.ops = {"linear"};
  flags.shapes = {"bias=qkv"};
  EXPECT_THAT(error_of(flags), HasSubstr("bias=qkv is only for layer"));
  flags.ops = {"activation"};
  flags.shapes = {"activation=gelu_now"};
  EXPECT_THAT(error_of(flags), HasSubstr("ops.shape.activation: unknown 'gelu_now'; did you mean 'gelu_new'?"));
  flags.ops.clear();
  EXPECT_THAT(error_of(flags), HasSubstr("no --op names the operator"));
  flags = with_backend();
  flags.blocks = "0";
  EXPECT_THAT(error_of(flags), HasSubstr("--blocks 0: measure.blocks: found '0', expected a whole number from 1"));
  flags = with_backend();
  flags.cache = "colt";
  EXPECT_THAT(error_of(flags), HasSubstr("--cache colt: measure.cache: found 'colt'; did you mean 'cold'?"));
  flags = with_backend();
  flags.model = "gpt9";
  EXPECT_THAT(error_of(flags), HasSubstr("--model gpt9: no model 'gpt9'"));
  flags = with_backend();
  flags.baseline = "cpu_reff:fp32";
  EXPECT_THAT(error_of(flags), HasSubstr("--baseline cpu_reff:fp32: baseline: unknown contender"));
}

TEST_F(OperatorExperiments, MistakesOfTheFileHaveAPlace) {
  EXPECT_THAT(error_of({}, "backends: [cpu_ref]\nopps: [linear]\n"),
              HasSubstr("/exp/ops.yaml:2:1: unknown key 'opps'; did you mean 'ops'?"));
  EXPECT_THAT(error_of({}, "backends: [cpu_ref]\nops:\n  - {op: linear, shape: {rows: 1, otu: 2}}\n"),
              HasSubstr("/exp/ops.yaml:3:35: ops.shape: linear has no 'otu'; did you mean 'out'?"));
  EXPECT_THAT(error_of({}, "backends: [cpu_ref]\nops: [{shape: {rows: 1}}]\n"), HasSubstr("ops: 'op' is missing"));
  EXPECT_THAT(error_of({}, "backends: [cpu_ref]\nops: [{op: linear, shape: 3}]\n"),
              HasSubstr("ops.shape: found '3', expected a map"));
  EXPECT_THAT(error_of({}, "ops: [linear]\n"), HasSubstr("'backends' is missing"));
  EXPECT_THAT(error_of({}, "backends: [cpu_ref]\nmeasure: {sample_ms: 0.1}\n"),
              HasSubstr("measure.sample_ms: found '0.1', expected a number from 1"));
}

TEST(OperatorConfig, TheBundledOneLoads) {
  ExperimentLookups lookups = real_lookups(PluginPath{});
  lookups.backend = [](const std::string& reference, const std::filesystem::path& folder) {
    if (reference == "onednn" || reference == "torch") {
      return BackendSchema{reference, reference, {{"fp32", "all in fp32"}, {"int8", "8 bits"}}, {}};
    }
    return StubWorld::backend(reference, folder);
  };
  const OperatorExperiment experiment =
      load_operator_experiment(std::filesystem::path(test_paths::kConfigs) / "operators.yaml", {}, lookups);
  EXPECT_THAT(experiment.contenders, SizeIs(7));
  EXPECT_THAT(experiment.points, SizeIs(20));
  EXPECT_EQ(experiment.baseline, "reference");
}

}  // namespace
}  // namespace inferbench
