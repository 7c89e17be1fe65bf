// SPDX-License-Identifier: Apache-2.0
#include "plugin/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "support/error.hpp"

namespace inferbench {
namespace {

using namespace std::chrono_literals;

std::string failure(const std::function<void()>& work, std::chrono::milliseconds limit = 20s) {
  try {
    probe_in_child(work, "it", limit);
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.cure();
  }
  return "none";
}

std::string fault(const std::function<void()>& work, std::chrono::milliseconds limit = 20s) {
  const std::string text = failure(work, limit);
  return text.substr(0, text.find(" | "));
}

TEST(Probe, WorkHappensOnlyInTheChild) {
  int here = 0;
  EXPECT_EQ(failure([&] { here = 1; }), "none");
  EXPECT_EQ(here, 0);
}

TEST(Probe, ErrorsComeBackWhole) {
  EXPECT_EQ(failure([] { throw Error("what was wrong", "how to mend it"); }), "what was wrong | how to mend it");
  const std::string longer(100'000, 'x');  // more than a pipe buffer holds
  EXPECT_EQ(failure([&] { throw Error(longer, "short"); }), longer + " | short");
}

TEST(Probe, OtherExceptions) {
  EXPECT_EQ(fault([] { throw std::runtime_error("two\nlines"); }), "it: a static constructor throws: two lines");
  EXPECT_EQ(fault([] { throw 5; }), "it: a static constructor throws: something other than a std::exception");
  const std::function<void()> thrower = [] { throw std::runtime_error("no way out"); };
  EXPECT_EQ(fault([&]() noexcept { thrower(); }), "it: a static constructor throws: no way out");
}

TEST(Probe, Ends) {
  EXPECT_EQ(fault([] { std::exit(3); }), "it: loading it ends the process with exit code 3");
  EXPECT_EQ(fault([] { _exit(0); }), "it: loading it ends the process with exit code 0");
  EXPECT_EQ(fault([] { raise(SIGKILL); }), "it: loading it ends the process with signal 9 (Killed)");
  EXPECT_EQ(fault([] {
              std::fputs("first\nno such device\n\n", stderr);
              std::abort();
            }),
            "it: loading it ends the process with signal 6 (Aborted): no such device");
}

TEST(Probe, HangsAreEnded) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(fault(
                [] {
                  for (;;) pause();
                },
                100ms),
            "it: loading it takes longer than 0.1 s");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(Probe, FloodsOfOutputAreDropped) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(failure([] {
              for (int i = 0; i < 200'000; ++i) std::fputs("noise noise noise\n", stderr);
              std::puts("not for the host's stdout");
              std::fflush(nullptr);
            }),
            "none");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

TEST(Probe, BufferedOutputIsWrittenOnce) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("once", file);
  fault([] { std::exit(1); });  // exit() flushes all buffers that the child inherited
  std::fflush(file);
  EXPECT_EQ(std::ftell(file), 4);
  std::fseek(file, 0, SEEK_END);
  EXPECT_EQ(std::ftell(file), 4);
  std::fclose(file);
}

TEST(Probe, AProcessLeftBehindDoesNotHoldUp) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(failure([] {
              if (fork() == 0) {
                sleep(5);
                _exit(0);
              }
            }),
            "none");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST(Probe, ALostSocketIsNamed) {
  EXPECT_EQ(fault([] { closefrom(3); }), "it: loading it closes descriptors that are not its own");
  EXPECT_EQ(fault(
                [] {
                  closefrom(3);
                  for (;;) pause();
                },
                300ms),
            "it: loading it takes longer than 0.3 s");
}

TEST(Probe, NoiseInTheReportIsNamed) {
  EXPECT_EQ(fault([] {
              const std::string noise(64, '\xff');
              static_cast<void>(!write(3, noise.data(), noise.size()));
            }),
            "it: loading it writes to a descriptor that is not its own");
}

TEST(Probe, ItsGroupIsItsOwn) {
  EXPECT_EQ(fault([] { kill(0, SIGKILL); }), "it: loading it ends the process with signal 9 (Killed)");
}

TEST(Probe, LeavesNoChild) {
  failure([] {});
  fault([] { std::abort(); });
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace inferbench
