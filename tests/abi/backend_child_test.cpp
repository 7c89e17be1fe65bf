// SPDX-License-Identifier: Apache-2.0
#include "plugin/backend_child.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

#include "abi/test_folder.hpp"
#include "plugin/backend.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kDefect = "this is a defect of the backend; tell its author";

BackendChild::Serve serving(const std::function<std::string(std::string_view)>& serve) {
  return serve;
}

// Calls a child that does `work` once. Returns the error as "what | hint".
std::string call_failure(const std::function<void()>& work) {
  try {
    answer_of_child(
        [&] {
          work();
          return std::string();
        },
        "backend x", "forward");
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.cure();
  }
  return "none";
}

TEST(BackendChild, KeepsItsStateFromCallToCall) {
  int here = 0;
  BackendChild child(
      [&here] {
        return serving([&here, sum = std::make_shared<int>(0)](std::string_view request) {
          here = 1;
          *sum += std::stoi(std::string(request));
          return std::to_string(*sum);
        });
      },
      "backend x");
  EXPECT_EQ(child.call("2", "adding"), "2");
  EXPECT_EQ(child.call("40", "adding"), "42");
  EXPECT_EQ(here, 0);
  EXPECT_EQ(child.finish(), "");
  EXPECT_EQ(child.finish(), "");
}

TEST(BackendChild, LargeMessagesArriveWhole) {
  const std::string request(3'000'000, 'r');
  std::string answer(20'000'000, '\0');
  for (std::size_t i = 0; i < answer.size(); ++i) answer[i] = static_cast<char>(i * 31);
  BackendChild child(
      [&] { return serving([&](std::string_view given) { return given == request ? answer : "another request"; }); },
      "backend x");
  EXPECT_TRUE(child.call(request, "copying") == answer);
  EXPECT_TRUE(child.call(request, "copying") == answer);
}

TEST(BackendChild, ExceptionsComeBackAsTheyAre) {
  BackendChild child(
      [] {
        return serving([](std::string_view what) -> std::string {
          if (what == "error") throw Error("what was wrong", "how to fix it", ExitCode::kTrialsFailed);
          if (what == "backend") throw BackendError(IB_UNSUPPORTED, "backend x: forward: unsupported: no");
          if (what == "memory") throw std::bad_alloc();
          if (what == "other") throw std::runtime_error("something else");
          return "fine";
        });
      },
      "backend x");
  try {
    child.call("error", "forward");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "what was wrong");
    EXPECT_EQ(error.cure(), "how to fix it");
    EXPECT_EQ(error.exit_code(), ExitCode::kTrialsFailed);
  }
  try {
    child.call("backend", "forward");
    ADD_FAILURE();
  } catch (const BackendError& error) {
    EXPECT_EQ(error.status(), IB_UNSUPPORTED);
    EXPECT_STREQ(error.what(), "backend x: forward: unsupported: no");
  }
  EXPECT_THROW(child.call("memory", "forward"), std::bad_alloc);
  try {
    child.call("other", "forward");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "something else");
  }
  EXPECT_EQ(child.call("", "forward"), "fine");  // none of these exceptions ended the child
}

TEST(BackendChild, EndsAreExplained) {
  EXPECT_EQ(call_failure([] { raise(SIGSEGV); }),
            std::string("backend x crashed: signal 11 (Segmentation fault) during forward | ") + kDefect);
  EXPECT_EQ(call_failure([] {
              std::fputs("first\nno such kernel\n", stderr);
              std::abort();
            }),
            std::string("backend x crashed: signal 6 (Aborted) during forward: no such kernel | ") + kDefect);
  EXPECT_EQ(call_failure([] { _exit(0); }),
            std::string("backend x ended its process with exit code 0 during forward | ") + kDefect);
  EXPECT_EQ(call_failure([] { std::exit(3); }),
            std::string("backend x ended its process with exit code 3 during forward | ") + kDefect);
  EXPECT_EQ(call_failure([] { raise(SIGKILL); }),
            "backend x crashed: signal 9 (Killed) during forward | the system may have run out of memory: use a "
            "smaller model, batch or context");
  EXPECT_EQ(call_failure([] { closefrom(3); }),
            std::string("backend x closed descriptors that are not its own during forward | ") + kDefect);
  EXPECT_EQ(call_failure([] {
              const std::string noise(64, '\xff');
              for (int fd = 3; fd < 16; ++fd) static_cast<void>(!write(fd, noise.data(), noise.size()));
            }),
            std::string("backend x wrote to a descriptor that is not its own during forward | ") + kDefect);
}

TEST(BackendChild, AfterACrashThereIsNothingToCall) {
  BackendChild child([] { return serving([](std::string_view) -> std::string { abort(); }); }, "backend x");
  EXPECT_THROW(child.call("", "forward"), Error);
  EXPECT_THROW(child.call("", "forward"), Error);
  EXPECT_EQ(child.finish(), "");
}

TEST(BackendChild, WhatItPrintsGoesToStderr) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(call_failure([] {
              std::fputs("on stderr\n", stderr);
              std::puts("on stdout");
            }),
            "none");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "on stderr\non stdout\n");
}

TEST(BackendChild, ItsGroupIsItsOwn) {
  EXPECT_THAT(call_failure([] { kill(0, SIGKILL); }),
              StartsWith("backend x crashed: signal 9 (Killed) during forward"));
}

TEST(BackendChild, HasNoDescriptorOfTheHost) {
  const test::TestFolder folder;
  const auto path = folder.write("rows.jsonl", "a row\n");
  const int low = open(path.c_str(), O_WRONLY | O_APPEND);
  const int fd = fcntl(low, F_DUPFD, 50);  // the child's socket uses other descriptors
  close(low);
  ASSERT_GE(fd, 50);
  EXPECT_EQ(answer_of_child([=] { return std::to_string(write(fd, "noise", 5)); }, "backend x", "writing"), "-1");
  close(fd);
  EXPECT_EQ(test::read_bytes(path), "a row\n");
}

// Writes a file when it is destroyed.
struct Witness {
  explicit Witness(std::filesystem::path file) : path(std::move(file)) {}
  ~Witness() { std::ofstream(path) << "gone"; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  std::filesystem::path path;
};

TEST(BackendChild, FinishRunsDestructorsAndKillingDoesNot) {
  const test::TestFolder folder;
  for (const bool finish : {false, true}) {
    const auto path = folder.path() / "witness";
    {
      BackendChild child(
          [&path] { return serving([witness = std::make_shared<Witness>(path)](std::string_view) { return "ok"; }); },
          "backend x");
      child.call("", "load");
      if (finish) {
        EXPECT_EQ(child.finish(), "");
      }
    }
    EXPECT_EQ(std::filesystem::exists(path), finish);
  }
}

// Returns the result of finish() for a child that calls `end` when it releases its state.
std::string finish_of(void (*end)(), std::chrono::milliseconds patience = 20s) {
  struct Ender {
    void (*end)();
    ~Ender() { end(); }
  };
  BackendChild child(
      [end] { return serving([ender = std::shared_ptr<Ender>(new Ender{end})](std::string_view) { return "ok"; }); },
      "backend x");
  EXPECT_EQ(child.call("", "load"), "ok");
  return child.finish(patience);
}

TEST(BackendChild, FaultsOfTheShutdownAreNamed) {
  EXPECT_EQ(finish_of([] { raise(SIGSEGV); }), "backend x crashed: signal 11 (Segmentation fault) during shutdown");
  EXPECT_EQ(finish_of([] { _exit(0); }), "backend x ended its process with exit code 0 during shutdown");
  EXPECT_EQ(finish_of(
                [] {
                  for (;;) pause();
                },
                200ms),
            "backend x did not shut down within 0.2 s");
}

TEST(BackendChild, ExitHandlersDoNotRun) {
  EXPECT_EQ(finish_of([] { std::atexit([] { _exit(7); }); }), "");
}

TEST(BackendChild, LeavesNoProcess) {
  call_failure([] {});
  call_failure([] { std::abort(); });
  finish_of([] {
    if (fork() == 0) {
      for (;;) pause();
    }
  });
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace inferbench
