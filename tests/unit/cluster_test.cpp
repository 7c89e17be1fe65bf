// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "cluster/command_output.hpp"
#include "cluster/shell_quote.hpp"
#include "cluster/slurm_queue.hpp"
#include "cluster/slurm_scripts.hpp"
#include "cluster/slurm_submit.hpp"
#include "cluster/task_state.hpp"
#include "cluster/time_limit.hpp"
#include "experiment/plan_text.hpp"
#include "results/run_folder.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

SlurmSweep sample_sweep() {
  SlurmSweep sweep;
  sweep.name = "it's 100%";
  sweep.experiment = "/home/a b/it's.yaml";
  sweep.overrides = {"sweep.batch=[1, 8]"};
  sweep.plugin_dirs = {"/opt/$HOME/plugins"};
  sweep.program = "/usr/bin/inferbench";
  sweep.folder = "/home/a b/results/100%/slurm-x";
  sweep.out = "/home/a b/results";
  sweep.tasks = {"1", "2", "3", "4"};
  sweep.cpus = 8;
  sweep.options.time = "25";
  return sweep;
}

TEST(ShellQuote, AShellReadsBackEveryWord) {
  const std::vector<std::string> words{
      "plain-1.5/x", "", "a b", "it's", "$HOME `id` \"x\" \\", "line\nbreak", "*", "~/x", "a;b", "\xc3\xa4", "-n"};
  std::vector<std::string> print{"printf", "%s|"};
  print.insert(print.end(), words.begin(), words.end());
  std::string expected;
  for (const std::string& word : words) expected += word + "|";
  const auto result = run_command({"sh", "-c", shell_command(print)});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, expected);
  EXPECT_EQ(shell_quoted("plain-1.5/x"), "plain-1.5/x");
}

TEST(CommandOutput, TellsWhatAProgramWroteAndHowItEnded) {
  const auto result = run_command({"sh", "-c", "cat; echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(run_command({"sh", "-c", "kill -9 $$"})->exit_code, 137);
  EXPECT_EQ(run_command({"sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"})->err.size(), 300000U);
  EXPECT_FALSE(run_command({"no-such-program-of-inferbench"}));
}

TEST(SlurmScripts, ATaskRunsItsShardInItsOwnFolder) {
  const std::string script = task_script(sample_sweep());
  EXPECT_THAT(script, AllOf(HasSubstr("#!/bin/bash\n"), HasSubstr("folder='/home/a b/results/100%/slurm-x'\n"),
                            HasSubstr("/usr/bin/inferbench run '/home/a b/it'\\''s.yaml' --set 'sweep.batch=[1, 8]' "
                                      "--plugin-dir '/opt/$HOME/plugins' --shard \"$task/4\" --into "
                                      "\"$folder/shard-$task\"\n")));
  SlurmSweep nodes = sample_sweep();
  nodes.each_node = true;
  nodes.tasks = {"n1", "n2"};
  EXPECT_THAT(task_script(nodes), AllOf(HasSubstr(" --into \"$folder/node-$task\"\n"), Not(HasSubstr("--shard"))));
}

TEST(SlurmScripts, TheLastJobMergesReportsAndChecks) {
  SlurmSweep sweep = sample_sweep();
  EXPECT_THAT(collect_script(sweep), AllOf(HasSubstr("slurm --status \"$folder\" || exit\n"),
                                           HasSubstr("merge \"$folder\"/shard-* --out '/home/a b/results') || exit\n"),
                                           HasSubstr(" report "), Not(HasSubstr(" check "))));
  sweep.has_targets = true;
  sweep.tasks = {"1"};
  EXPECT_THAT(collect_script(sweep), AllOf(HasSubstr("\nrun=\"$folder/shard-1\"\n"), Not(HasSubstr(" merge ")),
                                           EndsWith("\"$inferbench\" check \"$run\"\n")));
  sweep.each_node = true;
  sweep.tasks = {"n1", "n2"};
  EXPECT_THAT(collect_script(sweep), HasSubstr("merge --each-node \"$folder\"/node-* "));
}

// A script with a name that ends its comment would run what follows.
TEST(SlurmScripts, AnExperimentsNameStaysInItsComment) {
  SlurmSweep sweep = sample_sweep();
  sweep.name = "x\ntouch /tmp/oops";
  for (const std::string& script : {task_script(sweep), collect_script(sweep)}) {
    EXPECT_THAT(script, Not(HasSubstr("\ntouch")));
  }
}

TEST(SlurmScripts, ScriptsAreValidBash) {
  SlurmSweep sweep = sample_sweep();
  sweep.has_targets = true;
  for (const std::string& script : {task_script(sweep), collect_script(sweep)}) {
    const auto checked = run_command({"bash", "-n", "-c", script});
    ASSERT_TRUE(checked);
    EXPECT_EQ(checked->exit_code, 0) << checked->err << script;
  }
}

TEST(SlurmScripts, CommandsHaveWhatWasAskedFor) {
  SlurmSweep sweep = sample_sweep();
  EXPECT_THAT(task_command(sweep, sweep.tasks),
              ElementsAre("sbatch", "--parsable", "--job-name=inferbench-it's 100%-tasks", "--array=1-4",
                          "--output=/home/a b/results/100%%/slurm-x/logs/%a.log", "--open-mode=append", "--requeue",
                          "--nodes=1", "--ntasks=1", "--cpus-per-task=8", "--time=25",
                          "/home/a b/results/100%/slurm-x/task.sh"));
  sweep.options = {"long", "avx512", true, 3, "1-0", {"--account=x y"}};
  EXPECT_THAT(task_command(sweep, {"2", "3", "7"}),
              AllOf(Contains("--array=2-3,7%3"), Contains("--partition=long"), Contains("--constraint=avx512"),
                    Contains("--exclusive"), Contains("--time=1-0"), Contains("--account=x y")));
  EXPECT_THAT(collect_command(sweep, {"12", "13"}),
              AllOf(Contains("--dependency=afterany:12:13"), Contains("--partition=long"), Contains("--account=x y"),
                    Not(Contains("--constraint=avx512"))));
  sweep.each_node = true;
  EXPECT_THAT(task_command(sweep, {"n7"}),
              AllOf(Contains("--nodelist=n7"), Contains("--output=/home/a b/results/100%%/slurm-x/logs/n7.log"),
                    Contains("n7"), Not(Contains(HasSubstr("--array")))));
}

TEST(SlurmSubmit, ReadsSbatchsAnswer) {
  EXPECT_EQ(parse_job_id("123\n"), "123");
  EXPECT_EQ(parse_job_id("123;cluster\n"), "123");
  for (const char* answer : {"", "Submitted batch job", "12x"}) EXPECT_THROW(parse_job_id(answer), Error) << answer;
}

TEST(SlurmQueue, ListsTheNodesThatCanRun) {
  const std::string text =
      "n1|avx2,fast|idle\nn2|avx512,fast|mix\nn3|avx512|down*\nn4|avx512|drain\nn2|avx512,fast|mix\nn5|(null)|idle*\n";
  EXPECT_THAT(parse_nodes(text, ""), ElementsAre("n1", "n2"));
  EXPECT_THAT(parse_nodes(text, "avx512"), ElementsAre("n2"));
  EXPECT_THAT(parse_nodes(text, "avx"), IsEmpty());
}

TEST(SlurmSweepFile, KeepsEverything) {
  SlurmSweep sweep = sample_sweep();
  sweep.options = {"long", "avx512", true, 3, "1-0", {"--account=x y"}};
  sweep.has_targets = true;
  sweep.submissions = {{"2026-01-01T00:00:00Z", {"12"}, "13", {"1", "2"}}};
  const SlurmSweep back = parse_slurm_sweep(to_json_text(sweep), "sweep.json");
  EXPECT_EQ(to_json_text(back), to_json_text(sweep));
  EXPECT_THROW(parse_slurm_sweep("{}", "sweep.json"), Error);
  EXPECT_THROW(parse_slurm_sweep("{\"format\": 9}", "sweep.json"), Error);
}

// A sweep of two shards in a folder, with what a task leaves there.
class TaskStates : public testing::Test {
 protected:
  TaskStates() {
    sweep_ = sample_sweep();
    sweep_.folder = folder_.path().string();
    sweep_.tasks = {"1", "2"};
    for (const char* inner : {"tasks", "logs"}) std::filesystem::create_directories(folder_.path() / inner);
  }

  void make_shard(std::int32_t index, std::int32_t blocks) const {
    RunInfo info = test::sample_info();
    info.shard = {index, 2};
    info.planned_trials = 3;
    RunFolder folder = RunFolder::create_at(task_folder(sweep_, std::to_string(index)), info);
    for (std::int32_t block = 0; block < blocks; ++block) folder.append(test::sample_trial("quant", block, 2));
  }

  void journal(const std::string& task, const std::string& text) const {
    std::ofstream(task_journal(sweep_, task)) << text;
  }

  TaskState state_of(const std::string& task, const std::map<std::string, std::string>& queued = {}) const {
    for (const TaskState& state : task_states(sweep_, queued)) {
      if (state.task == task) return state;
    }
    return {};
  }

  test::TemporaryFolder folder_;
  SlurmSweep sweep_;
};

TEST_F(TaskStates, AreKnownFromWhatATaskLeft) {
  EXPECT_EQ(state_of("1").word, "not started");
  journal("1", "T begins job 12_1 node n1\n");
  EXPECT_EQ(state_of("1").word, "incomplete");
  make_shard(1, 2);
  std::ofstream(task_log(sweep_, "1")) << "running\nslurmstepd: error: *** JOB 12 CANCELLED DUE TO TIME LIMIT ***\n";
  const TaskState killed = state_of("1");
  EXPECT_EQ(killed.word, "incomplete");
  EXPECT_EQ(killed.present, 2U);
  EXPECT_EQ(killed.planned, 3U);
  EXPECT_EQ(killed.job, "12_1");
  EXPECT_EQ(killed.node, "n1");
  EXPECT_THAT(killed.reason, HasSubstr("DUE TO TIME LIMIT"));
  EXPECT_EQ(state_of("1", {{"1", "RUNNING"}}).word, "running");
  journal("1", "T begins job 12_1 node n1\nT exits 2 job 12_1 node n1\n");
  EXPECT_EQ(state_of("1").word, "failed");

  make_shard(2, 3);
  journal("2", "T begins job 12_2 node n2\n");  // measure.until might have added blocks
  EXPECT_EQ(state_of("2").word, "incomplete");
  journal("2", "T begins job 12_2 node n2\nT begins job 12_2 node n1\nT exits 3 job 12_2 node n1\n");
  EXPECT_EQ(state_of("2").word, "complete");  // failed trials are rows
  EXPECT_EQ(state_of("2").node, "n1");

  EXPECT_THAT(status_text(sweep_, task_states(sweep_, {})),
              AllOf(HasSubstr("1 of 2 shards is not complete: 1\nto repeat only it: inferbench slurm --resubmit "),
                    HasSubstr("2 of 3")));
}

TEST(TimeLimit, FollowsTheEstimateOfTheLongestShard) {
  Experiment experiment;
  experiment.measure.blocks = 7;
  experiment.contenders = {{"reference", "cpu_ref", "fp32", {}}};
  ModelFacts facts;
  facts.reference = "synthetic:gpt2";
  facts.n_parameters = 124'000'000;
  experiment.model_facts = {facts};
  for (const std::int32_t prompt : {32, 512, 4096}) experiment.points.push_back({"synthetic:gpt2", prompt, 64, 1, 2});
  const std::int64_t whole = time_limit_minutes(experiment, 1);
  const std::int64_t thirds = time_limit_minutes(experiment, 3);
  EXPECT_EQ(whole, static_cast<std::int64_t>(std::ceil(10 + 4 * estimate_seconds(experiment) / 60)));
  EXPECT_EQ(thirds, static_cast<std::int64_t>(std::ceil(10 + 4 * estimate_seconds(shard_of(experiment, {3, 3})) / 60)));
  EXPECT_LT(thirds, whole);
  experiment.measure.until.emplace().max_minutes = 20;
  EXPECT_EQ(time_limit_minutes(experiment, 1), whole + 60);
}

}  // namespace
}  // namespace inferbench
