// SPDX-License-Identifier: Apache-2.0
// One case per mistake, checked against the complete message, including the position.
#include <gmock/gmock.h>

#include <ostream>

#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

struct Mistake {
  const char* name;
  std::string text;
  std::string message;
  std::vector<std::string> overrides = {};
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class ExperimentMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(ExperimentMistakes, IsOneLineWithItsPlace) {
  StubWorld world;
  world.files = {{"/exp/loop_a.yaml", "extends: loop_b.yaml\n"},
                 {"/exp/loop_b.yaml", "# b\nextends: ./loop_a.yaml\n"},
                 {"/exp/self.yaml", "name: x\nextends: e.yaml\n"},
                 {"/exp/dir/base.yaml", "backends: cpu_ref\nmodels:\n  - ./nowhere\n"},
                 {"/exp/broken.yaml", "a: [\n"},
                 {"/exp/long.txt", std::string(5000, 'x')},
                 {"/exp/short.txt", std::string(64, 'x')},
                 {"/exp/empty.txt", ""}};
  world.without_tokenizer = {"huge"};
  try {
    world.load(GetParam().text, GetParam().overrides);
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), GetParam().message);
    EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
    EXPECT_FALSE(error.cure().empty());
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

const std::string kBackends = "backends: cpu_ref\n";
const std::string kModels = "models: synthetic:gpt2\n";
const std::string kBoth = kBackends + kModels;

std::string extra(const std::string& text) {
  return kBoth + text;
}

std::vector<Mistake> document_mistakes() {
  return {
      {"NullBackendsBeforeMore", "backends:\n\n\n" + kModels,
       "/exp/e.yaml:1:1: backends: found nothing, expected a value or a list of at least one"},
      {"EmptyFile", "",
       "/exp/e.yaml:1:1: found an empty file, expected an experiment with at least 'backends' and 'models'"},
      {"OnlyAComment", "# nothing\n",
       "/exp/e.yaml:1:1: found an empty file, expected an experiment with at least 'backends' and 'models'"},
      {"AList", "- backends\n",
       "/exp/e.yaml:1:1: found a list, expected an experiment: a map with 'backends', 'models', ..."},
      {"Syntax", extra("sweep: {batch: [1, 2}\n"), "/exp/e.yaml:3:21: not valid YAML: illegal flow end"},
      {"DuplicateKey", extra("models: synthetic:gpt2\n"),
       "/exp/e.yaml:3:1: the key 'models' was already given on line 2, expected it once"},
      {"UnknownKey", extra("swep: {}\n"),
       "/exp/e.yaml:3:1: unknown key 'swep'; did you mean 'sweep'? known keys: name, extends, backends, baseline, "
       "models, sweep, prompts, serving, measure, load, limits, quality, targets, interactive, regressions"},
      {"UnknownKeyOfNoLikeness", extra("  # x\nzzzzzzzz: 1\n"),
       "/exp/e.yaml:4:1: unknown key 'zzzzzzzz'; known keys: name, extends, backends, baseline, models, sweep, "
       "prompts, serving, measure, load, limits, quality, targets, interactive, regressions"},
      {"UnknownKeyBelow", extra("sweep:\n  prompt_token: 3\n"),
       "/exp/e.yaml:4:3: sweep: unknown key 'prompt_token'; did you mean 'prompt_tokens'? known keys: prompt_tokens, "
       "generate_tokens, batch, threads, past_tokens, shared_prefix_tokens, scenario, exclude"},
      {"AnchorsNeedAKeyThatIsKnown", extra("a: &a {b: 1}\nmeasure: {<<: *a}\n"),
       "/exp/e.yaml:3:1: unknown key 'a'; known keys: name, extends, backends, baseline, models, sweep, prompts, "
       "serving, measure, load, limits, quality, targets, interactive, regressions"},
      {"MergedKeysAreChecked", extra("x-a: &a {blokcs: 1}\nmeasure: {<<: *a}\n"),
       "/exp/e.yaml:3:10: measure: unknown key 'blokcs'; did you mean 'blocks'? known keys: blocks, warmup, "
       "cooldown_s, "
       "seed, until, repeat_disturbed, cpus, machine_limits, fresh_processes"},
      {"QuotedMergeKeyIsAKey", extra("measure: {\"<<\": {blocks: 1}}\n"),
       "/exp/e.yaml:3:11: measure: unknown key '<<'; known keys: blocks, warmup, cooldown_s, seed, until, "
       "repeat_disturbed, cpus, machine_limits, fresh_processes"},
      {"MergeOfNoMap", extra("measure: {<<: 3}\n"),
       "/exp/e.yaml:3:15: <<: found '3', expected a map or a list of maps"},
      {"MergeOfAListOfNoMaps", extra("measure: {<<: [{}, [1]]}\n"),
       "/exp/e.yaml:3:20: <<: found a list, expected a map or a list of maps"},
      {"MergeOfNothing", extra("measure:\n  <<:\n  blocks: 1\n"),
       "/exp/e.yaml:4:3: <<: found nothing, expected a map or a list of maps"},
      {"TwoMergeKeys", extra("measure: {<<: {blocks: 1}, <<: {seed: 1}}\n"),
       "/exp/e.yaml:3:28: the key '<<' was already given on line 3, expected it once"},
      {"NoBackends", kModels, "/exp/e.yaml:1:1: 'backends' is missing, expected for example backends: [cpu_ref]"},
      {"NoModels", "# first\nname: x\n" + kBackends,
       "/exp/e.yaml:2:1: 'models' is missing, expected for example models: [synthetic:gpt2]"},
      {"NameWithASlash", extra("name: ../x\n"),
       "/exp/e.yaml:3:7: name: found '../x', expected at most 100 letters, digits, '_', '-' and '.', not starting with "
       "'.'"},
      {"SectionOfTheWrongType", extra("sweep: [1]\n"),
       "/exp/e.yaml:3:8: sweep: found a list, expected a map with: prompt_tokens, generate_tokens, batch, threads, "
       "past_tokens, shared_prefix_tokens, scenario, exclude"},
      {"ExtendsMissing", extra("extends: gone.yaml\n"),
       "/exp/e.yaml:3:10: extends: cannot read '/exp/gone.yaml': No such file; expected an experiment file"},
      {"ExtendsItself", extra("extends: self.yaml\n"),
       "/exp/self.yaml:2:10: extends: found 'e.yaml', which leads back to itself (e.yaml -> self.yaml -> e.yaml), "
       "expected a chain that ends"},
      {"ExtendsInACircle", extra("extends: loop_a.yaml\n"),
       "/exp/loop_b.yaml:2:10: extends: found './loop_a.yaml', which leads back to itself (e.yaml -> loop_a.yaml -> "
       "loop_b.yaml -> loop_a.yaml), expected a chain that ends"},
      {"ExtendsBroken", extra("extends: broken.yaml\n"),
       "/exp/broken.yaml:1:1: not valid YAML: end of sequence flow not found"},
      {"ExtendsOfTheWrongType", extra("extends: [a, b]\n"), "/exp/e.yaml:3:10: extends: found a list, expected a text"},
      {"MistakeInTheBase", "extends: dir/base.yaml\n",
       "/exp/dir/base.yaml:3:5: model './nowhere': no such folder; give a folder, a hub name, or synthetic:gpt2"},
  };
}

std::vector<Mistake> backend_mistakes() {
  const auto with = [](const std::string& entry) { return kModels + "backends:\n  - " + entry + "\n"; };
  return {
      {"UnknownPlugin", with("{plugin: cpu_reff}"),
       "/exp/e.yaml:3:14: no backend 'cpu_reff' in /lib/inferbench; did you mean 'cpu_ref'? known backends: cpu_quant, "
       "cpu_ref"},
      {"UnknownPluginShort", with("gpu_ref:fp16"),
       "/exp/e.yaml:3:5: no backend 'gpu_ref' in /lib/inferbench; did you mean 'cpu_ref'? known backends: cpu_quant, "
       "cpu_ref"},
      {"NoPlugin", with("{precision: int8}"),
       "/exp/e.yaml:3:5: backends: 'plugin' is missing, expected for example {plugin: cpu_ref}"},
      {"EmptyBackends", kModels + "backends: []\n",
       "/exp/e.yaml:2:11: backends: found an empty list, expected a value or a list of at least one"},
      {"NullBackends", kModels + "backends:\n",
       "/exp/e.yaml:2:1: backends: found nothing, expected a value or a list of at least one"},
      {"BackendOfTheWrongType", with("[cpu_ref]"),
       "/exp/e.yaml:3:5: backends: found a list, expected a map with: plugin, name, precision, device, options, "
       "optional, endpoint, model, api_key_env, chat, prompts, timeout_s"},
      {"UnknownKeyOfABackend", with("{plugin: cpu_ref, precison: fp32}"),
       "/exp/e.yaml:3:23: backends: unknown key 'precison'; did you mean 'precision'? known keys: plugin, name, "
       "precision, device, options, optional, endpoint, model, api_key_env, chat, prompts, timeout_s"},
      {"OptionalThatIsNoFlag", with("{plugin: cpu_ref, optional: perhaps}"),
       "/exp/e.yaml:3:33: backends.optional: found 'perhaps', expected true or false"},
      {"EveryContenderLeftOut", with("{plugin: torch, optional: true}"),
       "/exp/e.yaml:3:3: backends: every contender is left out, expected at least one; torch: no backend 'torch' in "
       "/lib/inferbench"},
      {"OptionalWithAnotherMistake", with("{plugin: cpu_ref, optional: true, options: {tile: 3}}"),
       "/exp/e.yaml:3:49: backend 'cpu_ref' has no option 'tile'; there are no options"},
      {"PrecisionItLacks", with("{plugin: cpu_quant, precision: [int8, int44]}"),
       "/exp/e.yaml:3:43: backend 'cpu_quant' has no precision 'int44'; did you mean 'int4'? known precisions: int8, "
       "int4"},
      {"DeviceItLacks", with("{plugin: cuda, device: [\"cuda:0\", \"cuda:2\"]}"),
       "/exp/e.yaml:3:39: backend 'cuda' has no device 'cuda:2' here; did you mean 'cuda:0'? known devices: cuda:0, "
       "cuda:1"},
      {"DeviceOfAMachineWithoutOne", with("{plugin: cuda_alone, device: \"cuda:0\"}"),
       "/exp/e.yaml:3:34: backend 'cuda_alone' has no device 'cuda:0' here; no NVIDIA driver is installed"},
      {"DeviceOfABackendOfTheCpu", with("{plugin: cpu_ref, device: \"cuda:0\"}"),
       "/exp/e.yaml:3:31: backend 'cpu_ref' has no device 'cuda:0' here; known devices: cpu"},
      {"PrecisionItLacksShort", with("cpu_ref:int8"),
       "/exp/e.yaml:3:5: backend 'cpu_ref' has no precision 'int8'; known precisions: fp32"},
      {"EmptyPrecisions", with("{plugin: cpu_quant, precision: []}"),
       "/exp/e.yaml:3:36: backends.precision: found an empty list, expected a value or a list of at least one"},
      {"UnknownOption", with("{plugin: cpu_quant, options: {tiles: 3}}"),
       "/exp/e.yaml:3:35: backend 'cpu_quant' has no option 'tiles'; did you mean 'tile'? known options: tile, isa, "
       "note"},
      {"OptionOfABackendWithout", with("{plugin: cpu_ref, options: {tile: 3}}"),
       "/exp/e.yaml:3:33: backend 'cpu_ref' has no option 'tile'; there are no options"},
      {"OptionOutOfRange", with("{plugin: cpu_quant, options: {tile: [32, 65]}}"),
       "/exp/e.yaml:3:46: backend 'cpu_quant': option 'tile': '65' is not a whole number from 1 to 64; the default is "
       "'32'"},
      {"OptionOfTheWrongType", with("{plugin: cpu_quant, options: {tile: {a: 1}}}"),
       "/exp/e.yaml:3:41: backends.options.tile: found a map, expected a value or a list of values"},
      {"OptionNoChoice", with("{plugin: cpu_quant, options: {isa: avx3}}"),
       "/exp/e.yaml:3:40: backend 'cpu_quant': option 'isa': 'avx3' is not one of auto, generic, avx2; did you mean "
       "'avx2'?"},
      {"EmptyOptionList", with("{plugin: cpu_quant, options: {tile: []}}"),
       "/exp/e.yaml:3:41: backends.options.tile: found an empty list, expected a value or a list of at least one"},
      {"DuplicateNames", with("{plugin: cpu_ref, name: a}\n  - {plugin: cpu_quant, name: a}"),
       "/exp/e.yaml:4:31: the contender name 'a' is already taken at line 3, expected distinct names"},
      {"DuplicateMadeNames", with("cpu_ref\n  - cpu_ref"),
       "/exp/e.yaml:4:5: the contender name 'cpu_ref:fp32' is already taken at line 3, expected distinct "
       "names"},
      {"DuplicatePrecisions", with("{plugin: cpu_quant, precision: [int8, int8]}"),
       "/exp/e.yaml:3:5: the contender name 'cpu_quant:int8' is already taken at line 3, expected distinct "
       "names"},
      {"NameOfTwoLines", with("{plugin: cpu_ref, name: \"a\\nb\"}"),
       "/exp/e.yaml:3:29: backends.name: found the text 'a b', expected a text without control characters"},
      {"UnknownBaseline", extra("baseline: cpu_ref\n"),
       "/exp/e.yaml:3:11: baseline: unknown contender 'cpu_ref'; did you mean 'cpu_ref:fp32'? known contenders: "
       "cpu_ref:fp32"},
      {"TooManyContenders",
       with("{plugin: cpu_quant, precision: [int8, int4], options: {tile: &t [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], "
            "note: *t}}"),
       "/exp/e.yaml:3:5: backends: more than 256 contenders, expected fewer"},
  };
}

std::vector<Mistake> sweep_mistakes() {
  const auto with = [](const std::string& sweep) { return extra("sweep: {" + sweep + "}\n"); };
  return {
      {"UnreadableModel", kBackends + "models: [synthetic:gpt2, ./nowhere]\n",
       "/exp/e.yaml:2:26: model './nowhere': no such folder; give a folder, a hub name, or synthetic:gpt2"},
      {"EmptyModels", kBackends + "models: []\n",
       "/exp/e.yaml:2:9: models: found an empty list, expected a value or a list of at least one"},
      {"DuplicateModels", kBackends + "models: [synthetic:gpt2, synthetic:gpt2]\n",
       "/exp/e.yaml:2:26: models: 'synthetic:gpt2' is the same as 'synthetic:gpt2' at line 2, expected "
       "distinct models"},
      {"ModelOfTheWrongType", kBackends + "models: [{a: 1}]\n",
       "/exp/e.yaml:2:10: models: found a map, expected a text"},
      {"EmptyAxis", with("batch: []"),
       "/exp/e.yaml:3:16: sweep.batch: found an empty list, expected a value or a list of at least one"},
      {"NullAxis", with("batch: "),
       "/exp/e.yaml:3:9: sweep.batch: found nothing, expected a value or a list of at least one"},
      {"AxisOfTheWrongType", with("batch: [1, four]"),
       "/exp/e.yaml:3:20: sweep.batch: found 'four', expected a whole number from 1 to 4096"},
      {"QuotedNumber", with("batch: \"4\""),
       "/exp/e.yaml:3:16: sweep.batch: found the text '4', expected a whole number from 1 to 4096"},
      {"FractionOfATokens", with("prompt_tokens: 1.5"),
       "/exp/e.yaml:3:24: sweep.prompt_tokens: found '1.5', expected a whole number from 1 to 16777216"},
      {"ZeroGenerated", with("generate_tokens: [0]"),
       "/exp/e.yaml:3:27: sweep.generate_tokens: found '0', expected a whole number from 1 to 16777216"},
      {"NegativeBatch", with("batch: -1"),
       "/exp/e.yaml:3:16: sweep.batch: found '-1', expected a whole number from 1 to 4096"},
      {"BatchTooBig", with("batch: 4097"),
       "/exp/e.yaml:3:16: sweep.batch: found '4097', expected a whole number from 1 to 4096"},
      {"NumberBeyondSixtyFourBits", with("prompt_tokens: 99999999999999999999"),
       "/exp/e.yaml:3:24: sweep.prompt_tokens: found '99999999999999999999', expected a whole number from 1 to "
       "16777216"},
      {"NotANumber", with("prompt_tokens: .nan"),
       "/exp/e.yaml:3:24: sweep.prompt_tokens: found '.nan', expected a whole number from 1 to 16777216"},
      {"TwiceOnTheAxis", with("batch: [1, 2, 1]"),
       "/exp/e.yaml:3:23: sweep.batch: 1 occurs twice on the axis, expected distinct values"},
      {"MoreThreadsThanCpus", with("threads: [1, 3]"),
       "/exp/e.yaml:3:22: sweep.threads: found '3', expected a whole number from 1 to 2 (the CPUs usable here), all, "
       "or doubling"},
      {"UnknownThreadWord", with("threads: some"),
       "/exp/e.yaml:3:18: sweep.threads: found 'some', expected a whole number from 1 to 2 (the CPUs usable here), "
       "all, or doubling"},
      {"BeyondTheContext", with("prompt_tokens: [32, 1000], generate_tokens: [8, 64]"),
       "/exp/e.yaml:3:29: sweep: 1000 prompt + 64 generated tokens need 1063 positions, but the model 'synthetic:gpt2' "
       "has a context of 1024; expected prompt_tokens up to 961 there"},
      {"GeneratedBeyondTheContext", with("generate_tokens: 2000"),
       "/exp/e.yaml:3:26: sweep: 128 prompt + 2000 generated tokens need 2127 positions, but the model "
       "'synthetic:gpt2' "
       "has a context of 1024; expected fewer generate_tokens"},
      {"BeyondTheContextByDefault", "backends: cpu_ref\nmodels: ./shakespeare\nsweep: {generate_tokens: 200}\n",
       "/exp/e.yaml:3:26: sweep: 128 prompt + 200 generated tokens need 327 positions, but the model './shakespeare' "
       "has "
       "a context of 256; expected prompt_tokens up to 57 there"},
      {"OneTokenBeyondTheContext", with("prompt_tokens: 1024, generate_tokens: 2"),
       "/exp/e.yaml:3:24: sweep: 1024 prompt + 2 generated tokens need 1025 positions, but the model 'synthetic:gpt2' "
       "has "
       "a context of 1024; expected prompt_tokens up to 1023 there"},
      {"PastBeyondTheContext", with("past_tokens: [0, 1000], prompt_tokens: 8, generate_tokens: 18"),
       "/exp/e.yaml:3:48: sweep: 1000 past + 8 prompt + 18 generated tokens need 1025 positions, but the model "
       "'synthetic:gpt2' has a context of 1024; expected prompt_tokens up to 7 there"},
      {"PastAloneBeyondTheContext", with("past_tokens: [0, 1024], prompt_tokens: 8, generate_tokens: 1"),
       "/exp/e.yaml:3:26: sweep: 1024 past + 8 prompt + 1 generated token need 1032 positions, but the model "
       "'synthetic:gpt2' has a context of 1024; expected fewer past_tokens or generate_tokens"},
      {"NegativePast", with("past_tokens: -1"),
       "/exp/e.yaml:3:22: sweep.past_tokens: found '-1', expected a whole number from 0 to 16777216"},
      {"PrefixBeyondThePrompt", with("past_tokens: 4, prompt_tokens: 8, shared_prefix_tokens: [0, 13]"),
       "/exp/e.yaml:3:69: sweep: a shared prefix of 13 tokens is longer than the 12 tokens of past and prompt, "
       "expected "
       "shared_prefix_tokens up to 12 there"},
      {"BatchOfTooManyTokens", kBackends + "models: huge\nsweep: {prompt_tokens: 16777216, batch: [1, 129]}\n",
       "/exp/e.yaml:3:45: sweep: a batch of 129 sequences with 16777247 positions each needs 2164264863, expected at "
       "most 2147483647"},
      {"TooManyPoints",
       with("prompt_tokens: [1,2,3,4,5,6,7,8,9,10], generate_tokens: [1,2,3,4,5,6,7,8,9,10], batch: "
            "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,"
            "33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51], threads: [1, 2]"),
       "/exp/e.yaml:3:97: sweep: the axes multiply to more than 10000 points, expected fewer"},
      {"ExcludesAnUnknownValue", with("batch: [1, 4], exclude: [{batch: 8}]"),
       "/exp/e.yaml:3:42: sweep.exclude: no point has batch 8, expected one of: 1, 4"},
      {"ExcludesAnUnknownModel", with("exclude: [{model: synthetic:gpt22}]"),
       "/exp/e.yaml:3:27: sweep.exclude: no point has the model 'synthetic:gpt22'; did you mean 'synthetic:gpt2'? "
       "known models: synthetic:gpt2"},
      {"ExcludesAnUnknownKey", with("exclude: [{batches: 1}]"),
       "/exp/e.yaml:3:20: sweep.exclude: unknown key 'batches'; did you mean 'batch'? known keys: model, "
       "prompt_tokens, generate_tokens, batch, threads, past_tokens, shared_prefix_tokens"},
      {"ExcludesByAnEmptyMap", with("exclude: [{}]"),
       "/exp/e.yaml:3:19: sweep.exclude: an empty map would exclude every point, expected at least one key"},
      {"ExcludesEverything", with("batch: [1, 4], exclude: {batch: [1, 4]}"),
       "/exp/e.yaml:3:33: sweep: 'exclude' leaves no point, expected at least one"},
      {"ExcludesANull", with("exclude: [{batch: }]"),
       "/exp/e.yaml:3:20: sweep.exclude.batch: found nothing, expected a value or a list of at least one"},
  };
}

std::vector<Mistake> setting_mistakes() {
  return {
      {"TooManyTrials",
       extra("sweep: {prompt_tokens: [1,2,3,4,5,6,7,8,9,10], batch: [1,2,3,4,5,6,7,8,9,10,11]}\n"
             "measure: {blocks: 10000}\n"),
       "/exp/e.yaml:4:1: 110 points x 1 contender x 10001 repetitions make 1100110 trials, expected at most 1000000"},
      {"NoBlocks", extra("measure: {blocks: 0}\n"),
       "/exp/e.yaml:3:19: measure.blocks: found '0', expected a whole number from 1 to 10000"},
      {"NegativeCooldown", extra("measure: {cooldown_s: -0.5}\n"),
       "/exp/e.yaml:3:23: measure.cooldown_s: found '-0.5', expected a number from 0 to 3600"},
      {"InfiniteCooldown", extra("measure: {cooldown_s: 1e999}\n"),
       "/exp/e.yaml:3:23: measure.cooldown_s: found '1e999', expected a number from 0 to 3600"},
      {"NegativeSeed", extra("measure: {seed: -1}\n"),
       "/exp/e.yaml:3:17: measure.seed: found '-1', expected a whole number from 0 to 18446744073709551615"},
      {"UnknownMeasureKey", extra("measure: {block: 50}\n"),
       "/exp/e.yaml:3:11: measure: unknown key 'block'; did you mean 'blocks'? known keys: blocks, warmup, cooldown_s, "
       "seed, until, repeat_disturbed, cpus, machine_limits, fresh_processes"},
      {"UntilBelowBlocks", extra("measure: {blocks: 7, until: {max_blocks: 6}}\n"),
       "/exp/e.yaml:3:42: measure.until.max_blocks: found '6', expected a whole number from 7 to 10000"},
      {"UntilImpossiblyNarrow", extra("measure: {until: {ratio_interval: 0%}}\n"),
       "/exp/e.yaml:3:35: measure.until.ratio_interval: found '0%', expected a share from 0.01% to 100%, such as 1% or "
       "0.01"},
      {"UnknownCache", extra("load: {cache: hot}\n"),
       "/exp/e.yaml:3:15: load.cache: found 'hot', expected as_is or warm or cold"},
      {"UnknownLimitsMode", extra("measure: {machine_limits: yes}\n"),
       "/exp/e.yaml:3:27: measure.machine_limits: found 'yes', expected auto or always or never"},
      {"FreshProcessesIsNoFlag", extra("measure: {fresh_processes: 3}\n"),
       "/exp/e.yaml:3:28: measure.fresh_processes: found '3', expected true or false"},
      {"CpuThatIsNotThere", extra("measure: {cpus: [0, 1-2]}\n"),
       "/exp/e.yaml:3:21: measure.cpus: CPU 2 is not among those that the process may use: 0-1"},
      {"CpuWord", extra("measure: {cpus: perfomance}\n"),
       "/exp/e.yaml:3:17: measure.cpus: 'perfomance' is not a CPU number or range"},
      {"NumaNodeThatIsNotThere", extra("measure: {cpus: node:3}\n"),
       "/exp/e.yaml:3:17: measure.cpus: there is no NUMA node 'node:3'; known nodes: node:0"},
      {"NoCpus", extra("measure: {cpus: []}\n"),
       "/exp/e.yaml:3:17: measure.cpus: found an empty list, expected a value or a list of at least one"},
      {"MoreThreadsThanChosenCpus", extra("sweep: {threads: 2}\nmeasure: {cpus: 1}\n"),
       "/exp/e.yaml:3:18: sweep.threads: found '2', expected a whole number from 1 to 1 (the CPUs usable here), all, "
       "or "
       "doubling"},
      {"NoTimeout", extra("limits: {timeout_s: 0}\n"),
       "/exp/e.yaml:3:21: limits.timeout_s: found '0', expected a number from 0.001 to 604800"},
      {"MemoryUnit", extra("limits: {memory: 8 gigs}\n"),
       "/exp/e.yaml:3:18: limits.memory: found '8 gigs', expected bytes above 0, such as 512MiB or 8GiB (units: KB, "
       "MB, GB, TB, KiB, MiB, GiB, TiB)"},
      {"NoMemory", extra("limits: {memory: 0}\n"),
       "/exp/e.yaml:3:18: limits.memory: found '0', expected bytes above 0, such as 512MiB or 8GiB (units: KB, MB, GB, "
       "TB, KiB, MiB, GiB, TiB)"},
      {"PromptFileMissing", extra("prompts: {file: p.txt}\n"),
       "/exp/e.yaml:3:17: prompts.file: cannot read '/exp/p.txt'; expected a readable text file"},
      {"PromptSeedWord", extra("prompts: {seed: today}\n"),
       "/exp/e.yaml:3:17: prompts.seed: found 'today', expected a whole number from 0 to 18446744073709551615"},
      {"QualityTextMissing", extra("quality:\n  text: ../v.txt\n"),
       "/exp/e.yaml:4:9: quality.text: cannot read '/v.txt'; expected a readable text file"},
      {"PromptFileWithoutTokenizer", kBackends + "models: [./shakespeare, huge]\nprompts: {file: long.txt}\n",
       "/exp/e.yaml:3:17: prompts.file: the model huge has no tokenizer; give a folder"},
      {"PromptFileTooShort", extra("sweep: {prompt_tokens: [8, 65]}\nprompts: {file: short.txt}\n"),
       "/exp/e.yaml:4:17: prompts.file: '/exp/short.txt' has only 64 tokens for synthetic:gpt2, expected at least 65: "
       "the longest prompt"},
      {"QualityTextWithoutTokenizer", kBackends + "models: [./shakespeare, huge]\nquality: {text: long.txt}\n",
       "/exp/e.yaml:3:17: quality.text: the model huge has no tokenizer; give a folder"},
      {"QualityTextTooShort", extra("quality: {text: short.txt}\n"),
       "/exp/e.yaml:3:17: quality.text: '/exp/short.txt' has only 64 tokens for synthetic:gpt2, expected at least 257: "
       "one window of predictions"},
      {"QualityTextEmpty", extra("quality: {text: empty.txt}\n"),
       "/exp/e.yaml:3:17: quality.text: '/exp/empty.txt' has only 0 tokens for synthetic:gpt2, expected at least 257: "
       "one window of predictions"},
      {"QualityReferenceUnknown", extra("quality: {reference: cpu_rex}\n"),
       "/exp/e.yaml:3:22: quality.reference: no backend 'cpu_rex' in /lib/inferbench; did you mean 'cpu_ref'? known "
       "backends: cpu_quant, cpu_ref"},
      {"QualityNoWindows", extra("quality: {windows: 0}\n"),
       "/exp/e.yaml:3:20: quality.windows: found '0', expected a whole number from 1 to 16777216"},
      {"QualityPrecisionUnknown", extra("quality: {max_kl: {fp31: 1}}\n"),
       "/exp/e.yaml:3:20: quality.max_kl: no contender or precision has the name 'fp31'; did you mean 'fp32'? known "
       "names: cpu_ref:fp32, fp32"},
      {"QualityContenderUnknown", extra("quality: {max_kl: {cpu_ref:fp16: 1}}\n"),
       "/exp/e.yaml:3:20: quality.max_kl: no contender or precision has the name 'cpu_ref:fp16'; did you mean "
       "'cpu_ref:fp32'? known names: cpu_ref:fp32, fp32"},
      {"QualityNotANumber", extra("quality: {max_kl: {fp32: .nan}}\n"),
       "/exp/e.yaml:3:26: quality.max_kl.fp32: found '.nan', expected a number from 0 to 100"},
      {"QualityOfTheWrongType", extra("quality: {max_kl: 1e-3}\n"),
       "/exp/e.yaml:3:19: quality.max_kl: found '1e-3', expected a map of precision or contender: nats per "
       "token, such as {int8: 2e-4}"},
      {"TargetContender", extra("targets: [{contender: cpu_ref, metric: cpu_s, at_most: 1}]\n"),
       "/exp/e.yaml:3:23: targets.contender: unknown contender 'cpu_ref'; did you mean 'cpu_ref:fp32'? known "
       "contenders: cpu_ref:fp32"},
      {"TargetMetric", extra("targets: [{metric: decode_tokens_s, at_least: 1}]\n"),
       "/exp/e.yaml:3:20: targets.metric: unknown metric 'decode_tokens_s'; did you mean 'decode_tokens_per_s'? known "
       "metrics: load_ms, ttft_ms, prefill_tokens_per_s, decode_ms_per_token, decode_tokens_per_s, e2e_ms, "
       "total_tokens_per_s, inter_token_ms, queue_wait_ms, output_tokens_per_s, requests_per_s, goodput_per_s, "
       "success_rate, max_rate_per_s, ttft_p99_ms, tpot_p99_ms, weights_bytes, kv_bytes, peak_rss_bytes, "
       "device_bytes, ... (9 more)"},
      {"TargetNoMetric", extra("targets:\n- {at_least: 1}\n"),
       "/exp/e.yaml:4:3: targets: 'metric' is missing, expected for example metric: decode_tokens_per_s"},
      {"TargetNoBound", extra("targets:\n- {metric: cpu_s}\n"),
       "/exp/e.yaml:4:3: targets: found neither of at_least and at_most, expected exactly one"},
      {"TargetTwoBounds", extra("targets:\n- {metric: cpu_s, at_most: 1, at_least: 1}\n"),
       "/exp/e.yaml:4:3: targets: found both at_least and at_most, expected exactly one"},
      {"TargetBoundWord", extra("targets: [{metric: cpu_s, at_most: 1.5 x basline}]\n"),
       "/exp/e.yaml:3:36: targets.at_most: found '1.5 x basline', expected a number above 0 or a ratio such as 1.5 x "
       "baseline"},
      {"TargetBoundZero", extra("targets: [{metric: kv_bytes, at_most: 0}]\n"),
       "/exp/e.yaml:3:39: targets.at_most: found '0', expected a number above 0 or bytes such as 600MiB or a ratio "
       "such as 1.5 x baseline"},
      {"TargetPercentile", extra("targets: [{metric: cpu_s, percentile: 100, at_most: 1}]\n"),
       "/exp/e.yaml:3:39: targets.percentile: found '100', expected a number from 1 to 99.99"},
      {"InteractiveBaseline", extra("interactive: {metric: ttft_ms, at_most: 2 x baseline}\n"),
       "/exp/e.yaml:3:41: interactive.at_most: found '2 x baseline', expected a number above 0"},
      {"InteractiveContender", extra("interactive: {contender: a, metric: ttft_ms, at_most: 2}\n"),
       "/exp/e.yaml:3:15: interactive: unknown key 'contender'; known keys: metric, percentile, at_least, at_most"},
  };
}

std::vector<Mistake> override_mistakes() {
  return {
      {"SetWithoutEquals", kBoth, "--set sweep.batch: expected KEY=VALUE", {"sweep.batch"}},
      {"SetWithoutKey", kBoth, "--set =3: expected KEY=VALUE", {"=3"}},
      {"SetEmptyPart",
       kBoth,
       "--set sweep..batch=3: found the path 'sweep..batch', expected keys joined by single dots",
       {"sweep..batch=3"}},
      {"SetUnknownKey",
       kBoth,
       "--set sweep.bach=3: sweep: unknown key 'bach'; did you mean 'batch'? known keys: prompt_tokens, "
       "generate_tokens, batch, threads, past_tokens, shared_prefix_tokens, scenario, exclude",
       {"sweep.bach=3"}},
      {"SetUnknownSection",
       kBoth,
       "--set swep.batch=3: unknown key 'swep'; did you mean 'sweep'? known keys: name, extends, backends, baseline, "
       "models, sweep, prompts, serving, measure, load, limits, quality, targets, interactive, regressions",
       {"swep.batch=3"}},
      {"SetWrongType",
       kBoth,
       "--set sweep.batch=[1,x]: sweep.batch: found 'x', expected a whole number from 1 to 4096",
       {"sweep.batch=[1,x]"}},
      {"SetSyntax",
       kBoth,
       "--set sweep.batch=[1,: not valid YAML: end of sequence flow not found",
       {"sweep.batch=[1,"}},
      {"SetThroughAScalar",
       kBoth,
       "--set models.0=x: found '0' in the path 'models.0', but there is 'synthetic:gpt2'",
       {"models.0=x"}},
      {"SetBeyondAList",
       "backends: [cpu_ref]\n" + kModels,
       "--set backends.1=cpu_quant: found '1' in the path 'backends.1', expected an index from 0 to 0: there is a list",
       {"backends.1=cpu_quant"}},
      {"SetExtends",
       kBoth,
       "--set extends=x.yaml: 'extends' cannot be set from the command line, expected it in the file",
       {"extends=x.yaml"}},
      {"SetModel",
       kBoth,
       "--set models=[./nowhere]: model './nowhere': no such folder; give a folder, a hub name, or synthetic:gpt2",
       {"models=[./nowhere]"}},
  };
}

std::string case_name(const testing::TestParamInfo<Mistake>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Document, ExperimentMistakes, testing::ValuesIn(document_mistakes()), case_name);
INSTANTIATE_TEST_SUITE_P(Backends, ExperimentMistakes, testing::ValuesIn(backend_mistakes()), case_name);
INSTANTIATE_TEST_SUITE_P(Sweep, ExperimentMistakes, testing::ValuesIn(sweep_mistakes()), case_name);
INSTANTIATE_TEST_SUITE_P(Settings, ExperimentMistakes, testing::ValuesIn(setting_mistakes()), case_name);
INSTANTIATE_TEST_SUITE_P(Overrides, ExperimentMistakes, testing::ValuesIn(override_mistakes()), case_name);

}  // namespace
}  // namespace inferbench
