// SPDX-License-Identifier: Apache-2.0
// Sweeps on clusters without a cluster: run --into, incomplete merges, and `slurm` with an sbatch made of a script.
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "e2e/run_fixture.hpp"
#include "support/files.hpp"

namespace inferbench::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kQuick = "measure: {blocks: 2, warmup: 0, repeat_disturbed: 0, machine_limits: never}";

class ClusterTest : public RunTest {
 protected:
  ~ClusterTest() override {
    for (const char* name : {"INFERBENCH_NODE", "PATH"}) restore(name);
  }

  void set(const std::string& name, const std::string& value) {
    const char* before = std::getenv(name.c_str());
    if (!saved_.contains(name)) saved_[name] = before == nullptr ? "" : before;
    setenv(name.c_str(), value.c_str(), 1);
  }

  // A program of the cluster: a shell script in a folder that comes first in PATH.
  void write_command(const std::string& name, const std::string& script) {
    fs::create_directories(folder() / "bin");
    const fs::path path = folder() / "bin" / name;
    std::ofstream(path) << "#!/bin/sh\n" << script;
    chmod(path.c_str(), 0755);
    set("PATH", (folder() / "bin").string() + ":/usr/bin:/bin");
  }

  ProgramResult run(const std::vector<std::string>& arguments) const { return run_program_in(folder(), arguments); }

  static void keep_lines(const fs::path& file, int lines) {
    const std::string text = read_file(file);
    std::size_t end = 0;
    for (int i = 0; i < lines; ++i) end = text.find('\n', end) + 1;
    std::ofstream(file) << text.substr(0, end) << "{\"id\": \"half a li";
  }

 private:
  void restore(const std::string& name) const {
    const auto before = saved_.find(name);
    if (before == saved_.end()) return;
    before->second.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), before->second.c_str(), 1);
  }

  std::map<std::string, std::string> saved_;
};

TEST_F(ClusterTest, IntoStartsAndContinuesAFolder) {
  const std::string yaml = write_experiment(kTwoReferences, kQuick);
  const std::vector<std::string> task{"run", yaml, "--shard", "1/2", "--into", "part"};
  set("INFERBENCH_NODE", "n1");
  ASSERT_EQ(run(task).exit_code, 0);
  keep_lines(folder() / "part" / "trials.jsonl", 1);
  set("INFERBENCH_NODE", "n2");
  const ProgramResult again = run(task);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const RunData part = read_run(folder() / "part");
  EXPECT_EQ(expect_each_id_once(part), 4U);
  ASSERT_EQ(part.trials[0].node, "n1");
  // The second half of the block ran on another machine, so it is no pair of the first.
  ASSERT_EQ(part.trials[1].block, part.trials[0].block);
  EXPECT_EQ(part.trials[1].node, "n2");
  EXPECT_THAT(part.trials[1].disturbed_by, testing::StartsWith("the block began on the node n1"));
  EXPECT_EQ(part.trials[2].disturbed_by.find("the block began"), std::string::npos);

  const auto refusal = [&](const std::vector<std::string>& arguments) {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    return result.err;
  };
  EXPECT_THAT(refusal({"run", yaml, "--shard", "2/2", "--into", "part"}), HasSubstr("contains shard 1/2, not 2/2"));
  EXPECT_THAT(refusal({"run", yaml, "--shard", "1/2", "--into", "part", "--set", "measure.blocks=3"}),
              HasSubstr("is not the experiment of"));
  EXPECT_THAT(refusal({"run", yaml, "--into", "part", "--out", "x"}), HasSubstr("takes no --resume"));
}

TEST_F(ClusterTest, MergeNamesWhatIsMissing) {
  const std::string yaml = write_experiment(kTwoReferences, kQuick);
  ASSERT_EQ(run({"run", yaml, "--shard", "2/2", "--into", "two"}).exit_code, 0);
  const ProgramResult one = run({"merge", "two"});
  EXPECT_EQ(one.exit_code, 3);
  EXPECT_THAT(one.err, AllOf(HasSubstr("shard 1/2: no run folder, 4 trials are missing"), HasSubstr("--partial")));
  EXPECT_FALSE(fs::exists(folder() / "results"));
  ASSERT_EQ(run({"run", yaml, "--shard", "1/2", "--into", "one"}).exit_code, 0);
  keep_lines(folder() / "one" / "trials.jsonl", 3);
  EXPECT_THAT(run({"merge", "one", "two"}).err, HasSubstr("shard 1/2: 1 of 4 trials is missing (one)"));
  const ProgramResult partial = run({"merge", "one", "two", "--partial"});
  EXPECT_EQ(partial.exit_code, 0) << partial.err;
  EXPECT_EQ(read_run(only_run_folder()).trials.size(), 7U);
}

TEST_F(ClusterTest, MergesWholeRunsOfNodes) {
  const std::string yaml = write_experiment(kTwoReferences, kQuick);
  for (const char* node : {"n1", "n2"}) {
    set("INFERBENCH_NODE", node);
    ASSERT_EQ(run({"run", yaml, "--into", node}).exit_code, 0);
  }
  const ProgramResult merged = run({"merge", "--each-node", "n1", "n2"});
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(expect_each_id_once(read_run(only_run_folder())), 16U);
  EXPECT_THAT(run({"report", "results/test", "--format", "md"}).out,
              AllOf(HasSubstr("| threads | node | contender |"), HasSubstr("| n2 | two |")));
  EXPECT_THAT(run({"report", "results/test", "--format", "csv"}).out, HasSubstr(",node\r\n"));
  EXPECT_EQ(run({"compare", "results/test", "results/test"}).exit_code, 0);
  const ProgramResult resumed = run({"run", "--resume", "results/test"});
  EXPECT_EQ(resumed.exit_code, 2);
  EXPECT_THAT(resumed.err, HasSubstr("joins the runs of several nodes and cannot be continued"));
}

TEST_F(ClusterTest, DryRunPrintsScriptsAndCommands) {
  const std::string yaml = write_experiment(kTwoReferences, kQuick);
  const ProgramResult result = run({"slurm", yaml, "--dry-run", "--partition", "long", "--array-limit", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("/task.sh\n#!/bin/bash\n"), HasSubstr("/collect.sh\n#!/bin/bash\n"),
                    HasSubstr("--shard \"$task/2\""), HasSubstr("\nsbatch --parsable "), HasSubstr(" --array=1-2%1 "),
                    HasSubstr(" --partition=long "), HasSubstr(" --dependency=afterany:ARRAY_JOB ")));
  EXPECT_FALSE(fs::exists(folder() / "results"));
  const ProgramResult nodes = run({"slurm", yaml, "--dry-run", "--each-node", "--on", "n1,n2"});
  EXPECT_THAT(nodes.out, AllOf(HasSubstr(" --nodelist=n1 "), HasSubstr(" --nodelist=n2 "),
                               HasSubstr(" --dependency=afterany:JOB_OF_n1:JOB_OF_n2 ")));
}

TEST_F(ClusterTest, SubmitsAndResubmitsOnlyWhatIsMissing) {
  const std::string yaml = write_experiment(kTwoReferences, kQuick);
  // Answers with a job id and runs the script at once: of an array of two tasks only the first, as if the other died.
  write_command("sbatch", R"(echo "$*" >>"$PWD/submitted"
id=$(wc -l <"$PWD/submitted")
echo "$id;cluster"
for word; do script=$word; done
case $* in
  *--array=1-2*) SLURM_ARRAY_JOB_ID=$id SLURM_ARRAY_TASK_ID=1 SLURMD_NODENAME=n1 bash "$script" >/dev/null 2>&1 ;;
  *--array=2\ *) SLURM_ARRAY_JOB_ID=$id SLURM_ARRAY_TASK_ID=2 SLURMD_NODENAME=n2 bash "$script" >/dev/null 2>&1 ;;
  *) bash "$script" >>"$PWD/collected" 2>&1 ;;
esac
true
)");
  write_command("squeue", "exit 1\n");
  const ProgramResult first = run({"slurm", yaml, "--json"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const auto jobs = nlohmann::json::parse(first.out);
  EXPECT_EQ(jobs["task_jobs"], nlohmann::json({"1"}));
  EXPECT_EQ(jobs["collect_job"], "2");
  const std::string sweep = jobs["folder"];
  EXPECT_THAT(read_file(folder() / "collected"), HasSubstr("1 of 2 shards is not complete: 2\n"));
  const ProgramResult status = run({"slurm", "--status", sweep});
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_THAT(status.out, AllOf(HasSubstr("complete"), HasSubstr("4 of 4"), HasSubstr("not started")));
  const ProgramResult again = run({"slurm", "--resubmit", sweep});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("submitted 1 task as job 3; then job 4 merges, reports and checks\n"));
  EXPECT_THAT(read_file(folder() / "collected"), HasSubstr("\nresults: "));
  EXPECT_EQ(run({"slurm", "--status", sweep}).exit_code, 0);
  EXPECT_EQ(expect_each_id_once(read_run(folder() / "results" / "test" / "latest")), 8U);
}

TEST_F(ClusterTest, ErrorsSayWhatIsMissing) {
  const std::string yaml = write_experiment(kTwoReferences, kQuick);
  const auto refusal = [&](const std::vector<std::string>& arguments) {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("\ninferbench: hint: "));
    return result.err;
  };
  set("PATH", folder() / "empty");
  EXPECT_THAT(refusal({"slurm", yaml}), HasSubstr("sbatch is not installed here"));
  EXPECT_THAT(refusal({"slurm", yaml, "--each-node"}), HasSubstr("sinfo is not installed here"));
  write_command("sbatch", "echo 'sbatch: error: invalid account' >&2; exit 1\n");
  EXPECT_THAT(refusal({"slurm", yaml}), HasSubstr("sbatch refused: sbatch: error: invalid account"));
  EXPECT_FALSE(fs::exists(folder() / "results" / "test") && !fs::is_empty(folder() / "results" / "test"));
  write_command("sbatch", "case $* in *--dependency*) echo no more jobs >&2; exit 1;; esac; echo 7\n");
  EXPECT_THAT(refusal({"slurm", yaml}),
              AllOf(HasSubstr("job 7 was submitted, but the job that collects was not: sbatch refused: no more jobs"),
                    HasSubstr("collect.sh")));
  write_command("sbatch", "echo Hello\n");
  EXPECT_THAT(refusal({"slurm", yaml}), HasSubstr("sbatch answered 'Hello', not a job id"));
  EXPECT_THAT(refusal({"slurm"}), HasSubstr("slurm needs an experiment file"));
  EXPECT_THAT(refusal({"slurm", yaml, "--status", "x"}), HasSubstr("only one of them"));
  EXPECT_THAT(refusal({"slurm", yaml, "--each-node", "--nodes", "2"}), HasSubstr("leave out one of the two"));
  EXPECT_THAT(refusal({"slurm", yaml, "--nodes", "0"}), HasSubstr("--nodes: found '0', expected a number above 0"));
  EXPECT_THAT(refusal({"slurm", yaml, "--each-node", "--on", "n[1-2]"}), HasSubstr("not the name of one node"));
  EXPECT_THAT(refusal({"slurm", "--resubmit", "."}), HasSubstr("is not the folder of a Slurm sweep"));
}

}  // namespace
}  // namespace inferbench::test
