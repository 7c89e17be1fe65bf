// SPDX-License-Identifier: Apache-2.0
// Standard streams that are closed, full, or pipes without a reader, for every command.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "e2e/run_fixture.hpp"
#include "e2e/small_run.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"
#include "unit/predict_fixture.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Arguments = std::vector<std::string>;

// Runs a bash script in which "$@" is `inferbench ARGUMENTS...`.
ProgramResult in_bash(const std::string& script, const Arguments& arguments, const std::string& input = "") {
  Arguments all{"/bin/bash", "-c", script, "bash", test_paths::kProgram};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Program(all, {}, input).wait();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string data(const std::string& name) {
  return std::string(test_paths::kData) + "/" + name;
}

/// A command that prints a result.
struct Command {
  Arguments arguments;
  std::string input;
  int exit_code = 0;      ///< with working streams
  bool measures = false;  ///< for seconds, before it prints
};

class Streams : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = std::make_unique<test::TemporaryFolder>();
    write_experiment("small", "[4]");
    write_experiment("parts", "[4, 5]");
    for (const auto& [shard, out] : {std::pair("1/2", "first"), std::pair("2/2", "second")}) {
      const auto part = run_program({"run", path("parts.yaml"), "--shard", shard, "--out", path(out)});
      ASSERT_EQ(part.exit_code, 0) << part.err;
    }
    const RunData run = test::physical_run(test::physical_sweep());
    RunFolder folder = RunFolder::create(root_->path() / "physical", run.info);
    learned_from_ = folder.path().string();
    std::ofstream trials(folder.path() / "trials.jsonl", std::ios::binary);
    for (const TrialRecord& trial : run.trials) trials << to_json_line(trial) << '\n';
    trials.close();
    const auto fit = run_program({"predict", "fit", learned_from_, "--out", path("model.json")});
    ASSERT_EQ(fit.exit_code, 0) << fit.err;
  }
  static void TearDownTestSuite() { root_.reset(); }

  static void write_experiment(const std::string& name, const std::string& prompt_tokens) {
    std::ofstream(path(name + ".yaml")) << "name: " << name << "\nbackends: [{plugin: cpu_ref, name: one}]\nmodels: ['"
                                        << data("tiny") << "']\nsweep: {prompt_tokens: " << prompt_tokens
                                        << ", generate_tokens: [4], batch: [1], threads: [1]}\n"
                                        << "measure: {blocks: 2, warmup: 0, repeat_disturbed: 0}\n";
  }

  static std::string path(const std::string& name) { return (root_->path() / name).string(); }

  // A folder that no other command of the test has written to.
  static std::string fresh() { return path("fresh-" + std::to_string(n_fresh_++)); }

  // Without those that measure for seconds. They print with the same functions (style.one_printer), and full streams
  // have shown that they do.
  static std::vector<Command> quick_commands() {
    std::vector<Command> quick = commands();
    std::erase_if(quick, [](const Command& command) { return command.measures; });
    return quick;
  }

  // Every command, with the least work that makes it print something.
  static std::vector<Command> commands() {
    const std::string run = test::small_run();
    const std::string tiny = data("tiny");
    const std::string text = data("shakespeare");
    return {
        {{"--help"}, "", 0},
        {{"--version"}, "", 0},
        {{"run", "--help"}, "", 0},
        {{"run", path("small.yaml"), "--plan"}, "", 0},
        {{"run", path("small.yaml"), "--out", fresh()}, "", 0},
        {{"run", path("small.yaml"), "--out", fresh(), "--json"}, "", 0},
        {{"merge", path("first/parts"), path("second/parts"), "--out", fresh()}, "", 0},
        {{"report", run, "--format", "md"}, "", 0},
        {{"report", run, "--format", "html", "-o", "-"}, "", 0},
        {{"compare", run, run}, "", 0},
        {{"check", run}, "", 1},
        {{"check", run, "--json"}, "", 1},
        {{"analyze", run}, "", 0},
        {{"backends"}, "", 0},
        {{"backends", "--json"}, "", 0},
        {{"machine", "--quick", "--threads", "1", "--buffer", "1"}, "", 0, true},
        {{"generate", "--backend", "cpu_ref", "--model", text, "--prompt", "x", "--max-tokens", "2"}, "", 0},
        {{"logits", "--backend", "cpu_ref", "--model", tiny, "--tokens", "/dev/stdin", "--out", "-"}, "[1, 2]", 0},
        {{"ops", "--backend", "cpu_ref", "--op", "softmax", "--shape", "rows=2", "--threads", "1", "--blocks", "3",
          "--sample-ms", "1"},
         "",
         0},
        {{"perplexity", "--backend", "cpu_ref", "--model", text, "--text", path("small.yaml")}, "", 0},
        {{"conformance", "--list"}, "", 0},
        {{"conformance", "cpu_ref", "--rule", "table"}, "", 0},
        {{"tokenize", "--model", text}, "Hello", 0},
        {{"ipc", "--quick"}, "", 0, true},
        {{"new-backend", "mine", "--into", fresh()}, "", 0},
        {{"completion", "bash"}, "", 0},
        {{"schema"}, "", 0},
        {{"predict", "fit", learned_from_, "--out", path("again.json")}, "", 0},
        {{"predict", "ask", "--model", path("model.json")}, "", 0},
        {{"predict", "explain", "--model", path("model.json")}, "", 0},
    };
  }

  static void expect_two_and_one_error(const std::vector<Command>& commands, const std::string& redirection,
                                       const std::string& why) {
    for (const Command& command : commands) {
      SCOPED_TRACE(command.arguments.size() > 1 ? command.arguments[0] + " " + command.arguments[1]
                                                : command.arguments[0]);
      const auto result = in_bash("exec \"$@\" " + redirection, command.arguments, command.input);
      EXPECT_EQ(result.exit_code, 2) << result.err;
      EXPECT_EQ(count(result.err, "inferbench: error: "), 1U) << result.err;
      EXPECT_THAT(result.err, HasSubstr("inferbench: error: cannot write " + why));
    }
  }

  static void expect_the_result(const std::vector<Command>& commands, const std::string& redirection) {
    for (const Command& command : commands) {
      SCOPED_TRACE(command.arguments.size() > 1 ? command.arguments[0] + " " + command.arguments[1]
                                                : command.arguments[0]);
      const auto result = in_bash("exec \"$@\" " + redirection, command.arguments, command.input);
      EXPECT_EQ(result.exit_code, command.exit_code) << result.err;
      EXPECT_NE(result.out, "");
    }
  }

 private:
  static inline std::unique_ptr<test::TemporaryFolder> root_;
  static inline std::string learned_from_;
  static inline int n_fresh_ = 0;
};

TEST_F(Streams, AResultForAFullDiskIsAnErrorInEveryCommand) {
  expect_two_and_one_error(commands(), ">/dev/full", "to standard output: No space left on device");
}

TEST_F(Streams, AResultForAClosedStreamIsAnErrorInEveryQuickCommand) {
  expect_two_and_one_error(quick_commands(), ">&-", "to standard output: it is closed");
}

TEST_F(Streams, MessagesThatCannotBeWrittenAreDropped) {
  expect_the_result(commands(), "2>/dev/full");
}

TEST_F(Streams, AClosedStderrIsNoHindrance) {
  expect_the_result(quick_commands(), "2>&-");
}

TEST_F(Streams, NothingOfARunGoesToTheNumberOfAClosedStream) {
  for (const char* closed : {"2>&-", "<&- >&- 2>&-", "<&- 2>&-"}) {
    SCOPED_TRACE(closed);
    const std::string out = fresh();
    in_bash(std::string("exec \"$@\" ") + closed, {"run", path("small.yaml"), "--out", out});
    const fs::path folder = fs::directory_iterator(fs::path(out) / "small")->path();
    EXPECT_EQ(read_run(folder).trials.size(), 2U);
    EXPECT_THAT(read_file(folder / "trials.jsonl"), Not(HasSubstr("loading")));
  }
}

TEST_F(Streams, AReaderThatEndsEarlyEndsACommandQuietly) {
  const std::string script = "{ sleep 0.5; \"$@\"; echo \"code $?\" >&2; } | :";
  EXPECT_EQ(in_bash(script, {"backends"}).err, "code 141\n");
  EXPECT_EQ(in_bash(script, {"--help"}).err, "code 141\n");
  // Some programs start others with SIGPIPE ignored, so the signal alone cannot report the error.
  EXPECT_EQ(in_bash("trap '' PIPE; " + script, {"--version"}).err,
            "inferbench: error: cannot write to standard output: Broken pipe\n"
            "inferbench: hint: the program that reads it has ended\ncode 2\n");
}

TEST_F(Streams, AReaderOfTheProgressThatEndsDoesNotEndTheRun) {
  const auto result = in_bash("exec 3> >(:); sleep 0.5; \"$@\" 2>&3", {"run", path("small.yaml"), "--out", fresh()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("results: "));
}

TEST_F(Streams, AClosedStandardInputIsAnError) {
  const auto result = in_bash("exec \"$@\" <&-", {"tokenize", "--model", data("shakespeare")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("cannot read standard input: it is closed"));
  EXPECT_EQ(in_bash("exec \"$@\" </", {"tokenize", "--model", data("shakespeare")}).exit_code, 2) << "a folder";
}

}  // namespace
}  // namespace inferbench
