// SPDX-License-Identifier: Apache-2.0
// No command runs a library's code in its own process, whatever the library does when it is loaded, called or torn
// down. Each command ends with its own exit code and, if a call failed, with one error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "e2e/hostile/hostile_fixture.hpp"

namespace inferbench::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kText = std::string(test_paths::kData) + "/shakespeare";

/// Sets an environment variable for programs that are started during its lifetime.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

/// A command that uses a backend.
struct Case {
  std::string name;
  std::vector<std::string> arguments;
  bool computes = true;  ///< true: it calls forward
  std::string input;
};

class Isolation : public HostileTest {
 protected:
  std::vector<Case> commands() const {
    const std::string ending = hostile_plugin("ending").string();
    const std::string folder_with_null = hostile_plugin("null").parent_path().string();
    const std::string yaml =
        write_experiment(hostile("ending", "one") + hostile("ending", "two"),
                         fmt::format("measure: {{blocks: 1, warmup: 0}}\nquality: {{reference: {}}}", ending));
    const auto with = [](std::vector<std::string> arguments, const std::vector<std::string>& more) {
      arguments.insert(arguments.end(), more.begin(), more.end());
      return arguments;
    };
    std::ofstream(folder() / "ids.json") << "[1, 2, 3]";
    const std::vector<std::string> generate{"generate",     "--model", kText,       "--threads", "1",
                                            "--max-tokens", "4",       "--backend", ending};
    const std::vector<std::string> perplexity{"perplexity", "--model", kText,       "--text", kText + "/validation.txt",
                                              "--windows",  "1",       "--backend", ending};
    return {
        {"backends", {"backends", "--plugin-dir", folder_with_null}, false, ""},
        {"backends as JSON", {"backends", "--json", "--plugin-dir", folder_with_null}, false, ""},
        {"plan", {"run", yaml, "--plan"}, false, ""},
        {"run", {"run", yaml}, true, ""},
        {"generate", with(generate, {"--prompt", "ROMEO:"}), true, ""},
        {"side by side", with(generate, {"--prompt", "ROMEO:", "--backend", ending}), true, ""},
        {"chat", with(generate, {"--chat"}), true, "ROMEO:\nJULIET:\n"},
        {"logits",
         {"logits", "--model", kText, "--tokens", "ids.json", "--out", "logits.safetensors", "--backend", ending},
         true,
         ""},
        {"perplexity", perplexity, true, ""},
        {"perplexity against a reference", with(perplexity, {"--reference", ending}), true, ""},
        {"conformance", {"conformance", ending, "--rule", "table.describes_itself"}, false, ""},
        {"ipc", {"ipc", "--quick", "--plugin-dir", folder_with_null}, true, ""},
    };
  }

  ProgramResult run_case(const Case& command) const {
    Program program = start(command);
    return program.wait();
  }

  std::vector<std::string> argv_of(const Case& command) const {
    std::vector<std::string> argv{test_paths::kProgram};
    argv.insert(argv.end(), command.arguments.begin(), command.arguments.end());
    return argv;
  }

  Program start(const Case& command) const { return Program(argv_of(command), folder(), command.input); }

  /// The command, with the option `fault` added.
  Case faulty_case(Case command, const std::string& fault) const {
    command.arguments.insert(command.arguments.end(), {"--option", "fault=" + fault});
    return command;
  }

  Case command(const std::string& name) const {
    for (Case& one : commands()) {
      if (one.name == name) return std::move(one);
    }
    throw std::logic_error("no command " + name);
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) names.push_back(entry.path().filename());
    return names;
  }
};

TEST_F(Isolation, NoCommandRunsABackendsCodeInItsOwnProcess) {
  for (const Case& command : commands()) {
    const auto trace = folder() / "trace";
    std::filesystem::remove(trace);
    const Variable traced("HOSTILE_TRACE", trace.string());
    Program program(argv_of(command), folder(), command.input);
    const std::string own = std::to_string(program.pid());
    const ProgramResult result = program.wait();
    EXPECT_EQ(result.exit_code, 0) << command.name << ": " << result.err;
    std::set<std::string> places;
    std::ifstream lines(trace);
    std::string place;
    std::string pid;
    while (lines >> place >> pid) {
      places.insert(place);
      EXPECT_NE(pid, own) << command.name << " runs " << place << " itself";
    }
    EXPECT_TRUE(places.contains("constructor")) << command.name;  // some process loaded it
    EXPECT_EQ(places.contains("forward"), command.computes) << command.name;
    EXPECT_FALSE(places.contains("destructor")) << command.name;
    EXPECT_FALSE(places.contains("exit_handler")) << command.name;
  }
}

TEST_F(Isolation, HowALibraryEndsDecidesNothing) {
  for (const char* how : {"exit", "abort", "hang"}) {
    const Variable end("HOSTILE_END", how);
    for (const Case& command : commands()) {
      if (command.name == "ipc" && how != std::string("abort")) continue;  // skipped because it takes seconds
      const ProgramResult result = run_case(command);
      EXPECT_EQ(result.exit_code, 0) << command.name << ", " << how << ": " << result.err;
      EXPECT_THAT(result.err, Not(HasSubstr("error:"))) << command.name << ", " << how;
    }
  }
}

TEST_F(Isolation, EvenInOneProcessTheExitCodeIsThePrograms) {
  Case run = command("run");
  run.arguments.emplace_back("--in-process");
  const Variable end("HOSTILE_END", "abort");
  EXPECT_EQ(run_case(run).exit_code, 0);
}

TEST_F(Isolation, ACrashInACallIsOneError) {
  for (const char* name : {"generate", "side by side", "chat", "logits", "perplexity"}) {
    const ProgramResult result = run_case(faulty_case(command(name), "segv"));
    EXPECT_EQ(result.exit_code, 2) << name;
    EXPECT_EQ(result.out, "") << name;
    const std::string where = name == std::string("logits") ? "case 0: " : "";
    EXPECT_THAT(result.err, HasSubstr("inferbench: error: " + where +
                                      "backend ending:fp32 crashed: signal 11 (Segmentation fault) "
                                      "during forward: the last words\n"
                                      "inferbench: hint: this is a defect of the backend; tell its author\n"))
        << name;
  }
  EXPECT_THAT(files(), Not(testing::Contains(HasSubstr("logits"))));
}

TEST_F(Isolation, ACrashWhileLoadingIsOneError) {
  for (const char* name : {"generate", "side by side", "chat", "logits"}) {
    const ProgramResult result = run_case(faulty_case(command(name), "load_segv"));
    EXPECT_EQ(result.exit_code, 2) << name;
    EXPECT_THAT(result.err, HasSubstr("inferbench: error: backend ending:fp32 crashed: signal 11 (Segmentation fault) "
                                      "during load\n"))
        << name;
  }
  EXPECT_THAT(run_case(faulty_case(command("perplexity"), "load_segv")).err,
              HasSubstr("crashed: signal 11 (Segmentation fault) during load of ending:fp32\n"));
}

TEST_F(Isolation, ABackendThatExitsIsOneError) {
  for (const char* name : {"generate", "chat", "logits", "perplexity"}) {
    const ProgramResult result = run_case(faulty_case(command(name), "exit"));
    EXPECT_EQ(result.exit_code, 2) << name;
    EXPECT_THAT(result.err, HasSubstr("backend ending:fp32 ended its process with exit code 0 during forward\n"))
        << name;
  }
}

TEST_F(Isolation, ABackendThatClosesDescriptorsIsOneError) {
  const ProgramResult result = run_case(faulty_case(command("generate"), "close"));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("backend ending:fp32 closed descriptors that are not its own during forward\n"));
}

TEST_F(Isolation, WhatABackendPrintsIsNotTheResult) {
  Case generate = faulty_case(command("generate"), "print");
  generate.arguments.emplace_back("--json");
  const ProgramResult result = run_case(generate);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(nlohmann::json::accept(result.out)) << result.out;
  EXPECT_THAT(result.err, HasSubstr("noise on stdout\n"));
}

TEST_F(Isolation, AFaultOfTheShutdownIsAWarning) {
  const Variable shutdown("HOSTILE_SHUTDOWN", "segv");
  for (const char* name : {"generate", "logits", "perplexity"}) {
    const ProgramResult result = run_case(command(name));
    EXPECT_EQ(result.exit_code, 0) << name;
    EXPECT_THAT(result.err, HasSubstr("inferbench: warning: backend ending:fp32 crashed: signal 11 (Segmentation "
                                      "fault) during shutdown\n"))
        << name;
  }
}

TEST_F(Isolation, TheBackendsProcessEndsWithTheCommand) {
  const auto trace = folder() / "trace";
  const Variable traced("HOSTILE_TRACE", trace.string());
  Case generate = command("generate");
  *std::find(generate.arguments.begin(), generate.arguments.end(), "4") = "200";  // more tokens
  generate.arguments.insert(generate.arguments.end(), {"--option", "spin_us=200000"});
  const std::vector<std::string> argv = argv_of(generate);
  Program program(argv, folder());
  const auto traced_pid = [&] {
    std::ifstream lines(trace);
    std::string place;
    pid_t pid = 0;
    while (lines >> place >> pid) {
      if (place == "forward") return pid;
    }
    return pid_t{0};
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (traced_pid() == 0 && std::chrono::steady_clock::now() < deadline) usleep(10'000);
  const pid_t backend = traced_pid();
  ASSERT_GT(backend, 0);
  program.signal(SIGINT);
  EXPECT_EQ(program.wait().exit_code, 128 + SIGINT);
  while (kill(backend, 0) == 0 && std::chrono::steady_clock::now() < deadline) usleep(10'000);
  EXPECT_EQ(kill(backend, 0), -1);
}

}  // namespace
}  // namespace inferbench::test
