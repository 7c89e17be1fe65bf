// SPDX-License-Identifier: Apache-2.0
// Invalid command lines: exit code 2, one line that says what is wrong, one that says how to fix it.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

struct Case {
  const char* name;
  std::vector<std::string> arguments;
  std::string what;
  std::string hint;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class CommandLine : public testing::TestWithParam<Case> {};

TEST_P(CommandLine, IsRefusedWithAHint) {
  const ProgramResult result = run_program(GetParam().arguments);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("inferbench: error: " + GetParam().what));
  EXPECT_THAT(result.err, HasSubstr("\ninferbench: hint: " + GetParam().hint));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2) << result.err;
}

const std::vector<Case> kCases{
    {"Nothing", {}, "no command is given\n", "inferbench --help lists the commands\n"},
    {"UnknownCommand", {"runn", "x.yaml"}, "unknown command 'runn'\n", "did you mean 'run'?"},
    {"FarFromEverything", {"benchmark"}, "unknown command 'benchmark'\n", "known commands: "},
    {"UnknownSecondWord", {"predict", "asl"}, "predict: unknown command 'asl'\n", "did you mean 'ask'?"},
    {"HalfACommand", {"predict"}, "predict: no command is given\n", "inferbench predict --help"},
    {"UnknownOption", {"backends", "--jsn"}, "backends: unknown option '--jsn'\n", "did you mean --json?"},
    {"OptionWithValue",
     {"run", "x.yaml", "--plugin-dirs=x"},
     "run: unknown option '--plugin-dirs=x'\n",
     "did you mean --plugin-dir?"},
    {"EmptyOut", {"run", "x.yaml", "--out", ""}, "run: --out: the value is empty\n", "inferbench run --help\n"},
    {"EmptyMergeOut", {"merge", "x", "--out", ""}, "merge: --out: the value is empty\n", "inferbench merge --help\n"},
    {"EmptyRun", {"report", ""}, "report: run: the value is empty\n", "inferbench report --help\n"},
    {"EmptySecondRun", {"compare", "x", ""}, "compare: runs: the value is empty\n", "inferbench compare --help\n"},
    {"EmptyBackend",
     {"conformance", ""},
     "conformance: plugin: the value is empty\n",
     "inferbench conformance --help\n"},
    {"ResumeElsewhere",
     {"run", "--resume", "x", "--out", "y"},
     "--out cannot change a run that has started",
     "leave out --out"},
    {"ChatWithPrompt",
     {"generate", "--backend", "cpu_ref", "--model", "gpt2", "--chat", "--prompt", "Hello"},
     "--chat reads its lines from standard input and takes no --prompt\n",
     "leave out one of the two\n"},
    {"NewBackendOfABundledName",
     {"new-backend", "torch"},
     "inferbench comes with a backend 'torch'\n",
     "choose another name\n"},
};

INSTANTIATE_TEST_SUITE_P(All, CommandLine, testing::ValuesIn(kCases), [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace inferbench
