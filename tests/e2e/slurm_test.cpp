// SPDX-License-Identifier: Apache-2.0
// `inferbench slurm` on a real Slurm that the test starts: a cancelled task, a node that dies, one run per node.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "e2e/run_fixture.hpp"
#include "e2e/slurm_cluster.hpp"
#include "support/files.hpp"

namespace inferbench::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SlurmTest : public RunTest {
 protected:
  void SetUp() override {
    if (const std::string missing = SlurmCluster::missing_program(); !missing.empty()) {
      GTEST_SKIP() << "Slurm is not installed here (" << missing << " is missing): apt-get install slurm-wlm munge";
    }
    std::ofstream(experiment()) << fmt::format(
        "name: test\nbackends:\n{}\nmodels: ['{}/tiny']\n"
        "sweep: {{prompt_tokens: [4, 6, 8, 9], generate_tokens: [5], batch: [2], threads: [1]}}\n"
        "measure: {{blocks: 3, warmup: 1, cooldown_s: 0.2, repeat_disturbed: 0, machine_limits: never}}\n"
        "targets: [{{metric: ttft_ms, at_most: 60000}}]\n",
        kTwoReferences, test_paths::kData);
  }

  // A short timeout finds a dead node soon; a long one forgives a busy machine.
  void start_cluster(int node_timeout_s) {
    fs::create_directories(folder() / "slurm");
    cluster_ = std::make_unique<SlurmCluster>(folder() / "slurm", node_timeout_s);
  }

  // A path that a shell would take apart.
  std::string experiment() const { return (folder() / "it's an experiment.yaml").string(); }

  nlohmann::json submit(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"slurm", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run_program_in(folder(), arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  }

  static std::size_t rows_in(const fs::path& run) {
    if (!fs::exists(run / "trials.jsonl")) return 0;
    const std::string text = read_file(run / "trials.jsonl");
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  // Polls slowly, because most conditions ask Slurm.
  template <typename Done>
  static void wait_for(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
    while (!done() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }

  static void wait_for_rows(const fs::path& run, std::size_t rows) {
    wait_for([&] { return rows_in(run) >= rows; });
    ASSERT_GE(rows_in(run), rows) << run;
  }

  static void wait_for_job(const std::string& job) {
    wait_for([&] {
      const std::string state = SlurmCluster::state_of(job);
      return state.empty() || state == "COMPLETED" || state == "FAILED";
    });
  }

  // The only merged run.
  fs::path merged_run() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder() / "results" / "test")) {
      if (!entry.is_symlink() && fs::exists(entry.path() / "run.json")) found.push_back(entry.path());
    }
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? fs::path() : found.front();
  }

  static std::vector<std::string> lines_of(const fs::path& path) {
    std::vector<std::string> lines;
    std::istringstream text(read_file(path));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  std::unique_ptr<SlurmCluster> cluster_;
};

TEST_F(SlurmTest, ACancelledTaskIsNamedAndResubmitted) {
  start_cluster(120);
  const nlohmann::json first = submit({experiment(), "--nodes", "4"});
  const fs::path sweep = first["folder"].get<std::string>();
  const std::string array = first["task_jobs"][0];
  wait_for_rows(sweep / "shard-2", 2);
  ASSERT_EQ(SlurmCluster::command({"scancel", array + "_2"}).exit_code, 0);
  wait_for_job(first["collect_job"]);
  const std::string kept = read_file(sweep / "shard-2" / "trials.jsonl");
  ASSERT_LT(rows_in(sweep / "shard-2"), 8U) << "the task ended before it was cancelled";

  EXPECT_FALSE(fs::exists(folder() / "results" / "test" / "latest"));  // nothing was merged
  const std::string log = read_file(sweep / "logs" / "collect.log");
  EXPECT_THAT(log, AllOf(HasSubstr("CANCELLED"), HasSubstr("1 of 4 shards is not complete: 2\n"),
                         HasSubstr("inferbench slurm --resubmit")));
  const ProgramResult merge =
      run_program_in(folder(), {"merge", sweep / "shard-1", sweep / "shard-2", sweep / "shard-3", sweep / "shard-4"});
  EXPECT_EQ(merge.exit_code, 3);
  EXPECT_THAT(merge.err, HasSubstr("shard 2/4: "));

  const nlohmann::json again = submit({"--resubmit", sweep});
  EXPECT_EQ(again["tasks"], nlohmann::json({"2"}));
  wait_for_job(again["collect_job"]);
  const RunData whole = read_run(merged_run());
  EXPECT_EQ(expect_each_id_once(whole), 32U);
  EXPECT_EQ(whole.info.merged.size(), 4U);
  EXPECT_THAT(read_file(sweep / "shard-2" / "trials.jsonl"), StartsWith(kept));
  std::set<std::string> nodes;
  for (const TrialRecord& trial : whole.trials) nodes.insert(trial.node);
  EXPECT_EQ(nodes, (std::set<std::string>{"n1", "n2"}));
  EXPECT_TRUE(fs::exists(merged_run() / "report.html"));
  EXPECT_THAT(read_file(sweep / "logs" / "collect.log"), HasSubstr("the points ran on 2 nodes"));
  EXPECT_EQ(run_program_in(folder(), {"slurm", "--status", sweep}).exit_code, 0);
  EXPECT_THAT(run_program_in(folder(), {"slurm", "--resubmit", sweep}).err, HasSubstr("nothing to repeat"));
}

TEST_F(SlurmTest, ATaskOfADeadNodeContinuesOnAnother) {
  start_cluster(5);
  const nlohmann::json jobs = submit({experiment(), "--nodes", "2"});
  const fs::path sweep = jobs["folder"].get<std::string>();
  wait_for_rows(sweep / "shard-1", 3);
  const std::string began = lines_of(sweep / "tasks" / "1").front();
  const std::string node = began.substr(began.rfind(' ') + 1);
  cluster_->kill_node(node);
  const std::string kept = read_file(sweep / "shard-1" / "trials.jsonl");
  ASSERT_LT(rows_in(sweep / "shard-1"), 16U);

  const std::string task = jobs["task_jobs"][0].get<std::string>() + "_1";
  wait_for([&] { return SlurmCluster::state_of(task) == "PENDING"; });  // Slurm noticed and requeued
  // Slurm holds a requeued job back for two minutes, in case the node returns.
  ASSERT_EQ(SlurmCluster::command({"scontrol", "update", "JobId=" + task, "StartTime=now"}).exit_code, 0);
  wait_for_job(jobs["collect_job"]);

  const RunData whole = read_run(merged_run());
  EXPECT_EQ(expect_each_id_once(whole), 32U);
  // The rows of the dead node count, up to the line that it may have been writing.
  EXPECT_THAT(read_file(sweep / "shard-1" / "trials.jsonl"), StartsWith(kept.substr(0, kept.rfind('\n') + 1)));
  std::set<std::string> nodes;
  for (const TrialRecord& trial : read_run(sweep / "shard-1").trials) nodes.insert(trial.node);
  EXPECT_EQ(nodes, (std::set<std::string>{"n1", "n2"}));
  EXPECT_EQ(lines_of(sweep / "tasks" / "1").size(), 3U);  // begins, begins, exits
}

TEST_F(SlurmTest, EveryNodeRunsTheExperiment) {
  start_cluster(120);
  const nlohmann::json jobs = submit({experiment(), "--each-node", "--set", "sweep.prompt_tokens=[4]"});
  const fs::path sweep = jobs["folder"].get<std::string>();
  EXPECT_EQ(jobs["tasks"], nlohmann::json({"n1", "n2"}));
  wait_for_job(jobs["collect_job"]);
  const RunData whole = read_run(merged_run());
  EXPECT_EQ(expect_each_id_once(whole), 16U);
  ASSERT_EQ(whole.info.points.size(), 2U);
  EXPECT_EQ(whole.info.points[0].node, "n1");
  EXPECT_EQ(whole.info.points[1].node, "n2");
  for (const TrialRecord& trial : whole.trials) EXPECT_EQ(trial.node, trial.point.node);
  EXPECT_THAT(read_file(sweep / "logs" / "collect.log"), HasSubstr("| n2 |"));

  const ProgramResult refused = run_program_in(folder(), {"slurm", experiment(), "--partition", "no such"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("sbatch refused: "), HasSubstr("invalid partition specified")));
}

}  // namespace
}  // namespace inferbench::test
