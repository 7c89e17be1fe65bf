// SPDX-License-Identifier: Apache-2.0
// Mistakes in real experiment files, with the real backends and models: the program ends with exit code 2 and two
// lines on stderr, and has done nothing else.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kFolder = std::string(test_paths::kData) + "/experiments/";

struct Case {
  const char* name;
  const char* file;
  std::string message;  // after the path of the experiments' folder
  std::vector<std::string> overrides = {};
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

ProgramResult run_experiment(const std::string& path, const std::vector<std::string>& overrides, const fs::path& out) {
  std::vector<std::string> arguments{"run", path, "--out", out.string()};
  for (const std::string& text : overrides) {
    arguments.emplace_back("--set");
    arguments.push_back(text);
  }
  return run_program(arguments);
}

class YamlMistakes : public testing::TestWithParam<Case> {};

TEST_P(YamlMistakes, EndsBeforeAnyWork) {
  const fs::path out = fs::path(testing::TempDir()) / "yaml-mistakes" / GetParam().name;
  const ProgramResult result = run_experiment(kFolder + GetParam().file, GetParam().overrides, out);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  const std::string start = GetParam().overrides.empty() ? "inferbench: error: " + kFolder : "inferbench: error: ";
  EXPECT_THAT(result.err, StartsWith(start + GetParam().message + "\ninferbench: hint: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2) << result.err;
  EXPECT_FALSE(fs::exists(out));
}

const std::vector<Case> kCases{
    {"Empty", "empty.yaml",
     "empty.yaml:1:1: found an empty file, expected an experiment with at least 'backends' and 'models'"},
    {"NotUtf8", "not_utf8.yaml", "not_utf8.yaml:2:10: found the byte 0xe9, which is not UTF-8 text"},
    {"Syntax", "syntax.yaml", "syntax.yaml:2:7: not valid YAML: end of sequence flow not found"},
    {"DuplicateKey", "duplicate_key.yaml",
     "duplicate_key.yaml:3:1: the key 'backends' was already given on line 1, expected it once"},
    {"UnknownKey", "unknown_key.yaml",
     "unknown_key.yaml:4:3: sweep: unknown key 'promt_tokens'; did you mean 'prompt_tokens'? known keys: "
     "prompt_tokens, generate_tokens, batch, threads, past_tokens, shared_prefix_tokens, scenario, exclude"},
    {"WrongType", "wrong_type.yaml",
     "wrong_type.yaml:3:20: sweep.batch: found 'many', expected a whole number from 1 to 4096"},
    {"EmptyAxis", "empty_axis.yaml",
     "empty_axis.yaml:5:10: sweep.batch: found an empty list, expected a value or a list of at least one"},
    {"MissingPrecision", "missing_precision.yaml",
     "missing_precision.yaml:3:43: backend 'cpu_quant' has no precision 'int5'; did you mean 'int8'? known precisions: "
     "int8, int4"},
    {"UnknownOption", "unknown_option.yaml",
     "unknown_option.yaml:4:15: backend 'cpu_quant' has no option 'chunck'; did you mean 'chunk'? known options: isa, "
     "kv, head, chunk"},
    {"OptionOutOfRange", "option_out_of_range.yaml",
     "option_out_of_range.yaml:4:27: backend 'cpu_quant': option 'chunk': '0' is not a whole number from 1 to 65536; "
     "the default is '512'"},
    {"DuplicateContender", "duplicate_contender.yaml",
     "duplicate_contender.yaml:4:31: the contender name 'mine' is already taken at line 3, expected distinct names"},
    {"BeyondContext", "beyond_context.yaml",
     "beyond_context.yaml:4:23: sweep: 256 prompt + 32 generated tokens need 287 positions, but the model "
     "'../shakespeare' "
     "has a context of 256; expected prompt_tokens up to 225 there"},
    {"UnreadableModel", "unreadable_model.yaml",
     "unreadable_model.yaml:4:5: model './nowhere': no such folder or file; give a folder with config.json and "
     "model.safetensors, a GGUF file, a hub name such as gpt2, or synthetic:gpt2"},
    {"Cycle", "cycle_a.yaml",
     "cycle_b.yaml:2:10: extends: found './cycle_a.yaml', which leads back to itself (cycle_a.yaml -> cycle_b.yaml -> "
     "cycle_a.yaml), expected a chain that ends"},
    {"MissingBase", "missing_base.yaml",
     "missing_base.yaml:1:10: extends: cannot read '" + kFolder +
         "nowhere.yaml': No such file or directory; expected an experiment file"},
    {"AliasBomb", "alias_bomb.yaml",
     "alias_bomb.yaml:5:16: the experiment exceeds 50000 values or 4 MiB here with all aliases expanded"},
    {"TooManyTrials", "too_many_trials.yaml",
     "too_many_trials.yaml:4:1: 64 points x 2 contenders x 10001 repetitions make 1280128 trials, expected at most "
     "1000000"},
    {"MissingText", "missing_text.yaml",
     "missing_text.yaml:3:17: prompts.file: cannot read '" + kFolder +
         "nowhere.txt': No such file or directory; expected a readable text file"},
    {"MissingLibrary", "missing_library.yaml",
     "missing_library.yaml:3:14: " + kFolder +
         "libnowhere.so: no such file; check the path; inferbench backends lists what is found"},
    {"SetUnknownKey",
     "good.yaml",
     "--set sweep.bach=[1,8]: sweep: unknown key 'bach'; did you mean 'batch'? known keys: prompt_tokens, "
     "generate_tokens, batch, threads, past_tokens, shared_prefix_tokens, scenario, exclude",
     {"sweep.bach=[1,8]"}},
    {"SetWrongType",
     "good.yaml",
     "--set sweep.batch=[1,x]: sweep.batch: found 'x', expected a whole number from 1 to 4096",
     {"measure.blocks=7", "sweep.batch=[1,x]"}},
    {"SetUnknownBaseline",
     "good.yaml",
     "--set baseline=cpu_quant:int9: baseline: unknown contender 'cpu_quant:int9'; did you mean 'cpu_quant:int8'? "
     "known contenders: cpu_ref:fp32, cpu_quant:int8, cpu_quant:int4",
     {"baseline=cpu_quant:int9"}},
};

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Files, YamlMistakes, testing::ValuesIn(kCases), case_name);

// The list of known backends depends on what is installed, so only the other parts are compared.
TEST(YamlMistakesElsewhere, UnknownPluginNamesTheNearest) {
  const ProgramResult result = run_experiment(kFolder + "unknown_plugin.yaml", {}, testing::TempDir());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err,
              StartsWith("inferbench: error: " + kFolder +
                         std::string("unknown_plugin.yaml:3:14: no backend 'cpu_reff' in ") + test_paths::kPlugins));
  EXPECT_THAT(result.err, HasSubstr("; did you mean 'cpu_ref'? known backends: "));
}

TEST(YamlMistakesElsewhere, HugeFilesAreNotRead) {
  const fs::path path = fs::path(testing::TempDir()) / "huge.yaml";
  std::ofstream(path) << "backends: [cpu_ref]\n" << std::string(2 << 20, '#') << "\n";
  const ProgramResult result = run_experiment(path.string(), {}, testing::TempDir());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "inferbench: error: '" + path.string() +
                            "' is larger than 1 MiB, expected a short YAML file\n"
                            "inferbench: hint: is this an experiment file?\n");
  fs::remove(path);
}

TEST(YamlMistakesElsewhere, MissingFilesAndFoldersAreNamed) {
  EXPECT_EQ(run_experiment("/nowhere/x.yaml", {}, testing::TempDir()).err,
            "inferbench: error: cannot read '/nowhere/x.yaml': No such file or directory\n"
            "inferbench: hint: check the path and its permissions\n");
  EXPECT_EQ(run_experiment(test_paths::kData, {}, testing::TempDir()).err,
            std::string("inferbench: error: cannot read '") + test_paths::kData +
                "': it is a folder\n"
                "inferbench: hint: name a file\n");
}

TEST(YamlMistakesElsewhere, WithoutMistakesThePlanIsPrintedAndNothingElseHappens) {
  const fs::path out = fs::path(testing::TempDir()) / "yaml-good";
  const ProgramResult result =
      run_program({"run", kFolder + "good.yaml", "--plan", "--out", out.string(), "--set", "sweep.batch=[1,8]"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2 points\n"));
  EXPECT_THAT(result.out, HasSubstr("36 trials: 2 points x 3 contenders x 6 repetitions, 6 of them warm-up\n"));
  EXPECT_FALSE(fs::exists(out));
}

TEST(YamlMistakesElsewhere, EveryConfigPlansWithTheRealBackends) {
  for (const auto& entry : fs::directory_iterator(test_paths::kConfigs)) {
    if (entry.path().extension() != ".yaml" || entry.path().stem() == "operators") continue;  // that file is for `ops`
    const ProgramResult result = run_program({"run", entry.path().string(), "--plan"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("estimated time: "));
  }
}

}  // namespace
}  // namespace inferbench
