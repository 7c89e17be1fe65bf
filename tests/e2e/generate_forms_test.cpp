// SPDX-License-Identifier: Apache-2.0
// `generate` with several backends, and as a chat, through pipes and on a terminal.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> arguments_for(const std::vector<std::string>& backends, const std::vector<std::string>& more) {
  std::vector<std::string> arguments{
      "generate",  "--model", std::string(test_paths::kData) + "/shakespeare", "--plugin-dir", test_paths::kPlugins,
      "--threads", "1"};
  for (const std::string& backend : backends) arguments.insert(arguments.end(), {"--backend", backend});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

ProgramResult generate_with(const std::vector<std::string>& backends, const std::vector<std::string>& more,
                            const std::string& input = "") {
  return run_program(arguments_for(backends, more), input);
}

TEST(SideBySide, ShowsWhereTheTextsPart) {
  const std::vector<std::string> what{"--prompt", "ROMEO:\n", "--max-tokens", "60"};
  auto json_flags = what;
  json_flags.emplace_back("--json");
  const auto result = generate_with({"cpu_ref", "cpu_quant:int4", "cpu_ref"}, json_flags);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto backends = nlohmann::json::parse(result.out)["backends"];
  ASSERT_EQ(backends.size(), 3U);
  EXPECT_EQ(backends[0]["backend"], "cpu_ref:fp32");
  EXPECT_EQ(backends[2]["same"], true);
  EXPECT_EQ(backends[2]["same_tokens"], 60);
  ASSERT_EQ(backends[1]["same"], false);  // int4 over sixty tokens must differ
  const auto same = backends[1]["same_tokens"].get<std::size_t>();
  for (std::size_t i = 0; i <= same; ++i) EXPECT_EQ(backends[0]["ids"][i] == backends[1]["ids"][i], i < same) << i;
  const auto alone = generate_with({"cpu_quant:int4"}, what);
  EXPECT_EQ(backends[1]["text"], alone.out);

  const auto columns = generate_with({"cpu_ref", "cpu_quant:int4"}, what);
  EXPECT_THAT(columns.out, AllOf(StartsWith("cpu_ref:fp32"), HasSubstr("cpu_quant:int4: differs from character"),
                                 Not(HasSubstr("\x1b"))));
  EXPECT_THAT(columns.err, HasSubstr("differs from token " + std::to_string(same + 1) + " of 60"));
}

TEST(SideBySide, EachBackendTakesItsOwnOptions) {
  const std::vector<std::string> what{"--prompt", "x", "--max-tokens", "2", "--option"};
  auto kv = what;
  kv.emplace_back("kv=int8");  // an option that only cpu_quant has
  EXPECT_EQ(generate_with({"cpu_ref", "cpu_quant"}, kv).exit_code, 0);
  auto nobody = what;
  nobody.emplace_back("nonsense=1");
  const auto result = generate_with({"cpu_ref", "cpu_quant"}, nobody);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("none of the backends has the option nonsense=1"));
}

TEST(Chat, ContinuesEachLineOfAPipe) {
  const auto chat = generate_with({"cpu_ref"}, {"--chat", "--max-tokens", "20"}, "ROMEO:\nWhat light?\n");
  ASSERT_EQ(chat.exit_code, 0) << chat.err;
  const auto alone = generate_with({"cpu_ref"}, {"--prompt", "ROMEO:\n", "--max-tokens", "20"});
  EXPECT_THAT(chat.out, StartsWith(alone.out + "\n"));
  EXPECT_GT(chat.out.size(), alone.out.size() + 20);
  EXPECT_THAT(chat.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(chat.out, Not(HasSubstr("> ")));
  EXPECT_THAT(chat.err, AllOf(HasSubstr("20 tokens"), HasSubstr("tokens/s"), HasSubstr("of 256 positions")));
}

// The second turn sees the first: its answer continues the entire conversation.
TEST(Chat, KeepsWhatWasSaid) {
  const auto sampled = [](const std::string& input) {
    return generate_with({"cpu_ref"}, {"--chat", "--max-tokens", "12"}, input).out;
  };
  const std::string first = sampled("KING:\nand then\n");
  const std::string second = sampled("JULIET:\nand then\n");
  EXPECT_NE(first.substr(first.rfind('\n', first.size() - 2)), second.substr(second.rfind('\n', second.size() - 2)));
}

TEST(Chat, SlidesWhenTheContextIsFull) {
  std::string lines;
  for (int i = 0; i < 8; ++i) lines += "Now speak of love and war.\n";
  const auto chat = generate_with({"cpu_ref"}, {"--chat", "--max-tokens", "60", "--top-k", "20"}, lines);
  EXPECT_EQ(chat.exit_code, 0) << chat.err;
  EXPECT_THAT(chat.err, HasSubstr("slid 2 times"));
}

TEST(Chat, WrongUseIsNamed) {
  for (const auto& [result, what] :
       {std::pair{generate_with({"cpu_ref", "cpu_quant"}, {"--chat"}), "one backend"},
        std::pair{generate_with({"cpu_ref"}, {"--chat", "--json"}), "does not support --json"}}) {
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr(what));
  }
}

/// Waits until a line editor reads the terminal's keys one by one. Returns false after half a minute.
bool wait_for_line_editor(int terminal) {
  for (int i = 0; i < 3000; ++i) {
    termios settings{};
    if (tcgetattr(terminal, &settings) != 0) return false;
    if ((settings.c_lflag & ICANON) == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Chat, OnATerminalItPromptsAndCtrlDEndsIt) {
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto arguments = arguments_for({"cpu_ref"}, {"--chat", "--max-tokens", "5"});
    std::vector<char*> argv{const_cast<char*>(test_paths::kProgram)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  std::string seen;
  const auto read_until = [&](const std::string& text) {
    std::array<char, 1024> buffer{};
    pollfd waiting{terminal, POLLIN, 0};
    while (seen.find(text) == std::string::npos) {
      if (poll(&waiting, 1, 30'000) <= 0) return true;  // no more output, and the program does not end
      const ssize_t n = read(terminal, buffer.data(), buffer.size());
      if (n <= 0) return false;
      seen.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return true;
  };
  read_until("> ");
  EXPECT_THAT(seen, HasSubstr("Ctrl-D ends"));
  ASSERT_EQ(write(terminal, "KING:\n", 6), 6);
  read_until("tokens/s");
  seen.erase(0, seen.find("tokens/s"));
  read_until("> ");
  // Ctrl-D ends a line for a terminal in line mode, but ends the program in the line editor. The prompt appears before
  // the editor starts.
  ASSERT_TRUE(wait_for_line_editor(terminal));
  ASSERT_EQ(write(terminal, "\x04", 1), 1);
  const bool ended = !read_until("never said");  // reads to the end
  int status = 0;
  if (!ended) kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  close(terminal);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << seen;
}

}  // namespace
}  // namespace inferbench
