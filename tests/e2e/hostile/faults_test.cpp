// SPDX-License-Identifier: Apache-2.0
// A failure of a backend becomes a row with its reason. The sweep continues, and no process is left behind.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <map>
#include <thread>

#include "e2e/hostile/hostile_fixture.hpp"
#include "measure/resources.hpp"
#include "support/test_paths.hpp"

namespace inferbench::test {
namespace {

using testing::HasSubstr;

constexpr const char* kMark = "INFERBENCH_FAULT_TEST";

/// Processes that inherited this test's environment, except the test itself.
class Descendants {
 public:
  Descendants() : value_(fmt::format("{}-{}", getpid(), next_++)) { setenv(kMark, value_.c_str(), 1); }

  std::size_t count() const {
    std::size_t n = 0;
    const std::string wanted = fmt::format("{}={}", kMark, value_);
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(getpid())) continue;
      std::ifstream file(entry.path() / "environ", std::ios::binary);
      const std::string environment{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      if (environment.find(wanted) != std::string::npos) ++n;
    }
    return n;
  }

  /// Waits until there have been `n` for half a second; false if that takes longer than a minute.
  bool stay_at(std::size_t n) const {
    int since = 0;
    for (int i = 0; i < 6000 && since < 50; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      since = count() == n ? since + 1 : 0;
    }
    return since >= 50;
  }

  /// Waits up to `patience_s` for the last one to end. Returns how many are left.
  std::size_t count_after(double patience_s) const {
    for (int i = 0; i < static_cast<int>(patience_s * 100) && count() > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return count();
  }

 private:
  static inline int next_ = 0;
  std::string value_;
};

struct Fault {
  const char* name;
  const char* options;
  TrialStatus status;
  const char* error;
  const char* tail;
};

class RunFaultsTest : public RunTest {
 protected:
  Descendants descendants_;

  // By default AddressSanitizer would turn the signal into an exit.
  RunFaultsTest() { setenv("ASAN_OPTIONS", "handle_segv=0", 0); }

  std::vector<TrialRecord> trials_of(const RunData& run, const std::string& contender) const {
    std::vector<TrialRecord> found;
    std::copy_if(run.trials.begin(), run.trials.end(), std::back_inserter(found),
                 [&](const TrialRecord& trial) { return trial.contender == contender; });
    return found;
  }
};

const Fault kFaults[] = {
    {"oom", "fault: oom", TrialStatus::kOom, "so it was ordered", ""},
    {"oom_at_load", "fault: oom, at: load", TrialStatus::kOom, "loading: ", ""},
    {"unsupported", "fault: unsupported, at: session", TrialStatus::kUnsupported, "not on this machine", ""},
    {"internal", "fault: internal, at: load", TrialStatus::kCrashed, "a defect", ""},
    {"wrong_id", "fault: wrong_id, from: 2", TrialStatus::kWrongOutput, "outside the vocabulary of 257", ""},
    {"segv", "fault: segv, from: 2", TrialStatus::kCrashed, "killed by signal 11 (Segmentation fault)", ""},
    {"segv_at_load", "fault: segv, at: load", TrialStatus::kCrashed, "killed by signal 11", ""},
    {"abort", "fault: abort", TrialStatus::kCrashed, "killed by signal 6", ""},
    {"exit", "fault: exit", TrialStatus::kCrashed, "exited with code 0", ""},
    {"throw", "fault: throw", TrialStatus::kCrashed, "an exception", ""},
    {"hang", "fault: hang, from: 1", TrialStatus::kTimeout, "longer than 0.5 s", ""},
    {"polite_hang", "fault: polite_hang", TrialStatus::kTimeout, "cancelled", ""},
    {"flood", "fault: stderr_flood", TrialStatus::kCrashed, "killed by signal 6", "the last line before the end"},
    {"negative_id", "fault: negative_id, from: 2", TrialStatus::kWrongOutput,
     "token 2 of sequence 0: id -7 is outside the vocabulary of 257", ""},
    {"no_id", "fault: no_id, from: 4", TrialStatus::kWrongOutput, "token 4 of sequence 0: the backend wrote no id", ""},
    {"nan", "fault: nan", TrialStatus::kWrongOutput, "sequence 0, the logit of token 17 is NaN", ""},
    {"infinite", "fault: infinite", TrialStatus::kWrongOutput, "the logit of token 17 is infinite", ""},
    {"unwritten", "fault: unwritten_logit", TrialStatus::kWrongOutput, "the logit of token 17 was not written", ""},
    {"silent", "fault: silent", TrialStatus::kCrashed, "forward: it returned \"internal error\" without a message", ""},
    {"odd_status", "fault: odd_status, from: 1", TrialStatus::kUnsupported, "\"unknown status 42\"", ""},
    {"cancelled", "fault: cancelled", TrialStatus::kCrashed,
     "it returned CANCELLED although no cancellation was requested: I felt like it", ""},
    {"cancelled_load", "fault: cancelled, at: load", TrialStatus::kCrashed,
     "CANCELLED although no cancellation was requested", ""},
    {"noise", "fault: frame_noise", TrialStatus::kCrashed, "frame", ""},
};

TEST_F(RunFaultsTest, EachFaultIsARowAndTheOthersGoOn) {
  std::string backends = faulty("good", "fault: none");
  for (const Fault& fault : kFaults) backends += faulty(fault.name, fault.options);
  backends += faulty("chatty", "fault: stdout");
  const std::string yaml =
      write_experiment(backends, "measure: {blocks: 3, warmup: 0}\nbaseline: good\nlimits: {timeout_s: 0.5}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[4]"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.out, testing::Not(HasSubstr("noise on stdout")));
  EXPECT_EQ(descendants_.count_after(2), 0U);

  const RunData run = read_run(only_run_folder());
  expect_each_id_once(run);
  for (const char* healthy : {"good", "chatty"}) {
    for (const TrialRecord& trial : trials_of(run, healthy)) EXPECT_TRUE(trial.ok()) << healthy << trial.outcome.error;
  }
  for (const Fault& fault : kFaults) {
    const auto trials = trials_of(run, fault.name);
    ASSERT_EQ(trials.size(), 3U) << fault.name;
    EXPECT_EQ(to_string(trials[0].outcome.status), to_string(fault.status)) << fault.name << trials[0].outcome.error;
    EXPECT_THAT(trials[0].outcome.error, HasSubstr(fault.error)) << fault.name;
    EXPECT_THAT(trials[0].outcome.stderr_tail, HasSubstr(fault.tail)) << fault.name;
    EXPECT_THAT(result.out, HasSubstr(fault.name));
    const bool at_load = trials[0].load.status != TrialStatus::kOk;
    EXPECT_EQ(trials[2].outcome.status, at_load ? fault.status : TrialStatus::kSkipped) << fault.name;
  }
}

// A failure after the trials is in no row. The run's notes report it, and only the first hang is waited for in full.
TEST_F(RunFaultsTest, ABackendThatEndsBadlyIsNamed) {
  const std::map<std::string, std::string> faults{
      {"fault: segv, at: shutdown", "in shutdown: the worker was killed by signal 11"},
      {"fault: exit, at: model_destroy", "in model_destroy: the worker exited with code 0"},
      {"fault: abort, at: session_destroy", "in session_destroy: the worker was killed by signal 6"},
      {"fault: throw, at: shutdown", "shutdown: it threw an exception across the ABI: an exception at the end"},
      {"fault: hang, at: shutdown", "in shutdown: longer than 5 s"}};
  std::string backends = faulty("good", "fault: none");
  int n = 0;
  for (const auto& [options, expected] : faults) backends += faulty(fmt::format("bad{}", n++), options);
  const std::string yaml = write_experiment(backends, "measure: {blocks: 3, warmup: 0}\nbaseline: good");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[4]"});
  EXPECT_EQ(result.exit_code, 0) << result.err;  // every trial succeeded
  EXPECT_EQ(descendants_.count_after(2), 0U);

  const RunData run = read_run(only_run_folder());
  for (const TrialRecord& trial : run.trials) EXPECT_TRUE(trial.ok()) << trial.contender << trial.outcome.error;
  n = 0;
  for (const auto& [options, expected] : faults) {
    const std::string name = fmt::format("bad{}", n++);
    std::vector<TeardownRecord> found;
    std::copy_if(run.teardown.begin(), run.teardown.end(), std::back_inserter(found),
                 [&](const TeardownRecord& record) { return record.contender == name; });
    ASSERT_GE(found.size(), 1U) << options;
    EXPECT_THAT(found.front().fault, HasSubstr(expected));
    EXPECT_THAT(result.out, HasSubstr(expected)) << "a note";
    EXPECT_THAT(result.err, HasSubstr(expected)) << "as it happens";
    std::uint64_t workers = 0;
    for (const TeardownRecord& record : found) workers += record.workers;
    EXPECT_EQ(workers, 3U) << options;
  }
  // The second and third hang get a short wait.
  const auto hung = std::find_if(run.teardown.begin(), run.teardown.end(), [](const TeardownRecord& record) {
    return record.fault == "in shutdown: longer than 0.2 s";
  });
  ASSERT_NE(hung, run.teardown.end());
  EXPECT_EQ(hung->workers, 2U);
  EXPECT_TRUE(std::none_of(run.teardown.begin(), run.teardown.end(),
                           [](const TeardownRecord& record) { return record.contender == "good"; }));
}

// A stopped process is not a slow backend, and a backend that sleeps on purpose is not a stopped process.
TEST_F(RunFaultsTest, AStopInATrialIsADisturbance) {
  const std::string backends =
      faulty("good", "fault: none") + faulty("stopped", "fault: stop, from: 4") + faulty("sleeper", "fault: sleep");
  const std::string yaml =
      write_experiment(backends, "measure: {blocks: 4, warmup: 0, repeat_disturbed: 0}\nbaseline: good");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[4]"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  for (const TrialRecord& trial : trials_of(run, "stopped")) {
    EXPECT_THAT(trial.disturbed_by, HasSubstr("a signal stopped the process"));
    EXPECT_THAT(trial.disturbed_by, HasSubstr("the process stalled for"));
    EXPECT_TRUE(trial.outcome.interference.standstill.stopped);
    EXPECT_GT(trial.outcome.interference.standstill.stalled_ms.value_or(0), 300);
  }
  for (const TrialRecord& trial : trials_of(run, "sleeper")) {
    EXPECT_FALSE(trial.outcome.interference.standstill.stopped);
    EXPECT_LT(trial.outcome.interference.standstill.stalled_ms.value_or(0), 300) << trial.disturbed_by;
  }
  EXPECT_THAT(result.out, HasSubstr("a signal stopped the process"));
}

// Commands other than run end with an error that says where, instead of printing text made from invalid logits.
TEST_F(RunFaultsTest, LogitsThatAreNotFiniteEndEachCommand) {
  const std::string backend = hostile_plugin("bad_logits").string();
  const std::string model = std::string(test_paths::kData) + "/shakespeare";
  const auto tokens = folder() / "tokens.json";
  std::ofstream(tokens) << "[[1, 2, 3], [4]]";
  const auto text = folder() / "text.txt";
  std::ofstream(text) << "To be, or not to be, that is the question.";
  for (const auto& [fault, said] : std::map<std::string, std::string>{
           {"nan", "is NaN"}, {"infinite", "is infinite"}, {"unwritten_logit", "was not written"}}) {
    const std::string option = "fault=" + fault;
    const ProgramResult greedy = run_program_in(
        folder(), {"generate", "--backend", backend, "--option", option, "--model", model, "--prompt", "a"});
    EXPECT_EQ(greedy.exit_code, 2) << greedy.err;
    EXPECT_EQ(greedy.out, "");
    EXPECT_THAT(greedy.err, HasSubstr("at position 0, the logit of token 17 " + said));
    const ProgramResult sampled = run_program_in(folder(), {"generate", "--backend", backend, "--option", option,
                                                            "--model", model, "--prompt", "a", "--temperature", "1"});
    EXPECT_EQ(sampled.exit_code, 2);
    EXPECT_THAT(sampled.err, HasSubstr("the logit of token 17 " + said));
    const auto out = folder() / "logits.safetensors";
    const ProgramResult logits =
        run_program_in(folder(), {"logits", "--backend", backend, "--option", option, "--model", model, "--tokens",
                                  tokens.string(), "--out", out.string()});
    EXPECT_EQ(logits.exit_code, 2) << logits.err;
    EXPECT_THAT(logits.err,
                HasSubstr("case 0: backend bad_logits: forward: at position 0, the logit of token 17 " + said));
    EXPECT_FALSE(std::filesystem::exists(out));
    const ProgramResult perplexity = run_program_in(
        folder(), {"perplexity", "--backend", backend, "--option", option, "--model", model, "--text", text.string()});
    EXPECT_EQ(perplexity.exit_code, 1) << perplexity.err;
    EXPECT_THAT(perplexity.err, HasSubstr("first in window 0, position 0: the logit of token 17 " + said));
  }
}

// Memory that a kept process holds from an earlier point does not count for the next point.
TEST_F(RunFaultsTest, APeakOfAnEarlierPointIsNoneOfTheNext) {
  if (!PeakWatch().reset()) GTEST_SKIP() << "this kernel does not reset the peak";
  const std::string backends = faulty("good", "fault: none") + faulty("hoarder", "fault: hoard");
  const std::string yaml = write_experiment(
      backends, "measure: {blocks: 1, warmup: 0, fresh_processes: false, repeat_disturbed: 0}\nbaseline: good");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[9,4]"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  const auto hoarder = trials_of(run, "hoarder");
  ASSERT_EQ(hoarder.size(), 2U);
  EXPECT_TRUE(hoarder[0].outcome.memory.peak_rss_bytes);
  EXPECT_FALSE(hoarder[1].outcome.memory.peak_rss_bytes);
  EXPECT_THAT(hoarder[1].outcome.peak_unknown, HasSubstr("MiB of an earlier point"));
  for (const TrialRecord& trial : trials_of(run, "good")) EXPECT_TRUE(trial.outcome.memory.peak_rss_bytes) << trial.id;
  EXPECT_THAT(result.out, HasSubstr("peak_rss_bytes is unknown for 1 of 4 trials"));
}

TEST_F(RunFaultsTest, MemoryBeyondTheLimitIsOom) {
#ifdef INFERBENCH_SANITIZED
  GTEST_SKIP() << "sanitizers reserve more than any limit";
#endif
  const std::string backends = faulty("good", "fault: none") + faulty("eater", "fault: eat_memory");
  const std::string yaml = write_experiment(
      backends, "measure: {blocks: 1, warmup: 0}\nbaseline: good\nlimits: {memory: 256MiB, timeout_s: 60}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[4]"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const RunData run = read_run(only_run_folder());
  EXPECT_TRUE(trials_of(run, "good").at(0).ok());
  const TrialRecord eater = trials_of(run, "eater").at(0);
  EXPECT_EQ(to_string(eater.outcome.status), "oom") << eater.outcome.error;
}

TEST_F(RunFaultsTest, ACrashUnderAMemoryLimitNamesTheLimit) {
#ifdef INFERBENCH_SANITIZED
  GTEST_SKIP() << "sanitizers reserve more than any limit";
#endif
  const std::string yaml = write_experiment(faulty("blind", "fault: blind_memory"),
                                            "measure: {blocks: 1, warmup: 0}\nlimits: {memory: 256MiB, timeout_s: 60}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[4]"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const RunData run = read_run(only_run_folder());
  EXPECT_THAT(trials_of(run, "blind").at(0).outcome.error,
              testing::AllOf(HasSubstr("signal 11"), HasSubstr("memory limit of 268435456 bytes")));
}

TEST_F(RunFaultsTest, WhatABackendStartsEndsWithIt) {
  for (const char* at : {"load", "forward"}) {
    SCOPED_TRACE(at);
    const std::string yaml = write_experiment(faulty("daemon", fmt::format("fault: daemon, at: {}", at)),
                                              "measure: {blocks: 1, warmup: 0, repeat_disturbed: 0}");
    const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[4]"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(descendants_.count(), 0U) << "at once, not some time later";
    EXPECT_THAT(result.err, HasSubstr("that a backend left behind"));
  }
}

TEST_F(RunFaultsTest, AShortageOfFilesStopsTheRunAndIsNoContendersFault) {
  std::string backends;
  for (int i = 0; i < 12; ++i) backends += faulty(fmt::format("c{}", i), "fault: none");
  const std::string yaml =
      write_experiment(backends, "measure: {blocks: 1, warmup: 0, repeat_disturbed: 0}\nbaseline: c0");
  const auto run_with = [&](const std::string& limit) {
    return Program({"/bin/sh", "-c", limit + " && exec \"$@\"", "sh", test_paths::kProgram, "run", yaml, "--set",
                    "sweep.prompt_tokens=[4]"},
                   folder())
        .wait();
  };
  const ProgramResult refused = run_with("ulimit -n 40");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, testing::AllOf(HasSubstr("running 12 workers at once needs "),
                                          HasSubstr("this process may have 40"), HasSubstr("ulimit -n ")));
  EXPECT_FALSE(std::filesystem::exists(folder() / "results")) << "no rows";
  const ProgramResult raised = run_with("ulimit -S -n 40");
  EXPECT_EQ(raised.exit_code, 0) << raised.err;
}

TEST_F(RunFaultsTest, ALimitOfFileSizesIsOneError) {
  const std::string yaml = write_experiment(faulty("good", "fault: none"), "measure: {blocks: 1, warmup: 0}");
  const ProgramResult result = Program({"/bin/bash", "-c", "ulimit -f 1 && exec \"$@\"", "bash", test_paths::kProgram,
                                        "run", yaml, "--out", (folder() / "out").string()},
                                       folder())
                                   .wait();
  EXPECT_EQ(result.exit_code, 2) << "not killed by SIGXFSZ";
  EXPECT_THAT(result.err, testing::AllOf(HasSubstr("File too large"), HasSubstr("ulimit -f")));
}

TEST_F(RunFaultsTest, AWorkerDiesWithItsHost) {
  const std::string yaml = write_experiment(faulty("hang", "fault: hang"), "limits: {timeout_s: 100}");
  for (const int number : {SIGKILL, SIGINT}) {
    Program program({test_paths::kProgram, "run", yaml}, folder());
    ASSERT_TRUE(descendants_.stay_at(2));  // host and worker; the probes of the plugin come first and go away
    program.signal(number);
    if (number == SIGINT) {  // the first SIGINT waits for the trial, which never ends
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      EXPECT_EQ(descendants_.count(), 2U);
      program.signal(SIGINT);
    }
    EXPECT_EQ(program.wait().exit_code, 128 + number);
    EXPECT_EQ(descendants_.count_after(5), 0U);
  }
}

TEST_F(RunFaultsTest, AFreshWorkerGoesOnAfterACrash) {
  // Each point gets a new session: only the point that generates five tokens has a fifth forward. A disturbed block
  // that is run again would have more.
  const std::string backends = faulty("good", "fault: none") + faulty("late", "fault: segv, from: 4");
  const std::string yaml =
      write_experiment(backends, "measure: {blocks: 2, warmup: 0, repeat_disturbed: 0}\nbaseline: good");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.generate_tokens=[4,5]", "--set",
                                                         "sweep.prompt_tokens=[4]", "--set", "measure.blocks=1"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const auto late = trials_of(read_run(only_run_folder()), "late");
  ASSERT_EQ(late.size(), 2U);
  EXPECT_TRUE(late[0].ok()) << late[0].outcome.error;
  EXPECT_EQ(late[1].outcome.status, TrialStatus::kCrashed);
}

}  // namespace
}  // namespace inferbench::test
