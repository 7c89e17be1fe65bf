// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>
#include <string>
#include <vector>

#include "report/console_style.hpp"
#include "report/frontier.hpp"
#include "report/frontier_table.hpp"
#include "report/load_bound.hpp"
#include "report/report.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::sample_info;
using test::sample_trial;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Frontier, OnlyLoadsThatNoOtherBeatsAreBest) {
  const std::vector<LoadSpeed> loads{{100, 100}, {60, 240}, {55, 200}, {20, 300}, {20, 300}};
  EXPECT_THAT(pareto_optimal(loads), ElementsAre(true, true, false, true, true));
}

TEST(Frontier, IsLinearBetweenLoadsAndNeverPromisesMore) {
  const std::vector<LoadSpeed> loads{{100, 100}, {60, 240}, {20, 300}, {55, 10}};
  EXPECT_EQ(throughput_at(loads, 100), 100);
  EXPECT_EQ(throughput_at(loads, 60), 240);
  EXPECT_DOUBLE_EQ(*throughput_at(loads, 80), 170);
  EXPECT_DOUBLE_EQ(*throughput_at(loads, 40), 270);
  EXPECT_EQ(throughput_at(loads, 5), 300);  // the highest load still gives users more
  EXPECT_EQ(throughput_at(loads, 100.5), std::nullopt);
  EXPECT_EQ(throughput_at({}, 1), std::nullopt);
}

// A second of calls that read 3 GB at 10 GB/s and compute 20 of 100 operations.
TEST(LoadBound, IsThePartThatNeedsMostOfTheTime) {
  ServingTotals totals;
  totals.steps = 10;
  totals.forward_s = 0.9;
  totals.scheduler_s = 0.04;
  totals.idle_s = 0.06;
  const LoadCosts costs{3e8, 1e10, 20, 100};
  EXPECT_EQ(load_bound(totals, costs).kind, LoadBoundKind::kMemory);
  EXPECT_NEAR(load_bound(totals, costs).share, 0.3, 1e-12);
  EXPECT_EQ(load_bound_text(load_bound(totals, costs)), "memory 30%");

  LoadCosts much = costs;
  much.operations = 70;
  EXPECT_EQ(load_bound_text(load_bound(totals, much)), "arithmetic 70%");

  totals.idle_s = 9.06;
  EXPECT_EQ(load_bound_text(load_bound(totals, costs)), "waits for requests 91%");
  EXPECT_EQ(load_bound_text(load_bound(totals, LoadCosts{})), "waits for requests 91%");

  totals.idle_s = 0;
  totals.scheduler_s = 1.1;
  EXPECT_EQ(load_bound_text(load_bound(totals, costs)), "scheduler 55%");

  totals.scheduler_s = 0.1;
  EXPECT_EQ(load_bound_text(load_bound(totals, {1e8, 1e10, 20, 1000})), "backend 90%");
  // What was not measured may be larger than what was.
  EXPECT_EQ(load_bound_text(load_bound(totals, {3e8, 1e10, 20, 0})), "-");
  EXPECT_EQ(load_bound_text(load_bound(ServingTotals{}, costs)), "-");
}

TrialRecord served_trial(const std::string& contender, std::int32_t block, const Point& point, double step_ms,
                         double machine) {
  TrialRecord trial = sample_trial(contender, block, 1);
  trial.point = point;
  trial.outcome.metrics.reset();
  ServingOutcome& served = trial.outcome.serving.emplace();
  served.kind = ScenarioKind::kClosed;
  served.metrics.requests = 3;
  served.metrics.ok = 3;
  served.metrics.ttft_ms = {5, 6, 7};
  served.metrics.tpot_ms = {step_ms, step_ms, step_ms};
  served.metrics.output_tokens_per_s = machine;
  served.metrics.success_rate = 1;
  return trial;
}

// Users get 100, 50 and 20 tokens/s of the reference; quant delivers twice as much at every load. Every block has its
// own pace, which is the same for both.
RunData run_under_load() {
  RunData run{sample_info(), {}};
  run.info.resolved_yaml = "serving: {at: {tokens_per_s_per_user: 35}, cost: {per_hour: 3.6, currency: EUR}}\n";
  run.info.points.clear();
  for (const char* scenario : {"closed 8", "closed 1", "closed 2"}) {
    Point point{"synthetic:gpt2", 32, 8, 8, 2};
    point.scenario = scenario;
    run.info.points.push_back(point);
  }
  constexpr std::array<double, 3> kUser{20, 100, 50};
  constexpr std::array<double, 3> kMachine{150, 100, 90};
  for (std::size_t p = 0; p < kUser.size(); ++p) {
    for (std::int32_t block = -1; block < 5; ++block) {
      const double pace = block < 0 ? 1000 : 1 + 0.001 * block;
      const Point& point = run.info.points[p];
      run.trials.push_back(served_trial("reference", block, point, 1e3 / kUser[p], kMachine[p] * pace));
      run.trials.push_back(served_trial("quant", block, point, 1e3 / kUser[p], 2 * kMachine[p] * pace));
    }
  }
  return run;
}

TEST(Frontier, ComparesContendersWhereUsersGetTheSame) {
  const RunData run = run_under_load();
  const Frontiers frontiers = frontiers_of(run, TrialIndex(run));
  ASSERT_EQ(frontiers.sweeps.size(), 1U);
  const LoadSweep& sweep = frontiers.sweeps.front();
  EXPECT_THAT(sweep.points, ElementsAre(1, 2, 0));  // by load
  ASSERT_EQ(sweep.curves.size(), 2U);
  const LoadCurve& reference = sweep.curves[0];
  EXPECT_TRUE(reference.loads[0].optimal);
  EXPECT_FALSE(reference.loads[1].optimal);  // one user alone gives more of both
  EXPECT_NEAR(*reference.machine_at, (150 - 50.0 * 15 / 80) * 1.002, 1e-9);
  EXPECT_FALSE(reference.vs_baseline);
  EXPECT_NEAR(sweep.curves[1].vs_baseline->ratio, 2, 1e-12);
  EXPECT_EQ(judge(*sweep.curves[1].vs_baseline), Verdict::kFaster);
  EXPECT_NEAR(*reference.loads[0].cost_per_million, 3.6 / 3600 / (100 * 1.002) * 1e6, 1e-9);
}

// Half of the requests of quant fail with two users, and the others are quick.
TEST(Frontier, LeavesOutLoadsAtWhichRequestsFail) {
  RunData run = run_under_load();
  for (TrialRecord& trial : run.trials) {
    if (trial.contender != "quant" || trial.point.scenario != "closed 2") continue;
    trial.outcome.serving->metrics.success_rate = 0.5;
    trial.outcome.serving->metrics.tpot_ms = {1};
    trial.outcome.serving->metrics.output_tokens_per_s = 1e4;
  }
  const Frontiers frontiers = frontiers_of(run, TrialIndex(run));
  const LoadCurve& quant = frontiers.sweeps.front().curves[1];
  ASSERT_EQ(quant.loads.size(), 2U);
  EXPECT_LT(quant.loads[0].speed.machine, 1e3);
  EXPECT_LT(quant.loads[1].speed.machine, 1e3);
  EXPECT_NEAR(*quant.machine_at, 2 * (150 - 50.0 * 15 / 80) * 1.002, 1e-9);  // of the two loads that are left
  EXPECT_NEAR(quant.vs_baseline->ratio, 2, 1e-12);
}

TEST(Frontier, IsInTheTables) {
  const Report report = make_report(run_under_load(), "");
  const std::string table = frontier_table(report.comparison, report.frontiers, ConsoleStyle(false));
  EXPECT_THAT(table, HasSubstr("EUR/Mtok"));
  EXPECT_THAT(table, HasSubstr("quant: 281.8 tok/s while each user gets 35.00 tok/s, 2.00x"));
  EXPECT_THAT(frontier_markdown(report.comparison, report.frontiers),
              HasSubstr("| quant | closed 2 | 50.00 | 180.4 | no | 5.544 | - | - |"));
}

TEST(Frontier, SaysWhoDoesNotReachTheInteractivity) {
  RunData run = run_under_load();
  run.info.resolved_yaml = "serving: {at: {tokens_per_s_per_user: 101}}\n";
  const Report report = make_report(run, "");
  EXPECT_THAT(frontier_table(report.comparison, report.frontiers, ConsoleStyle(false)),
              HasSubstr("quant: no load gives each user 101.0 tok/s"));
  run.info.resolved_yaml = "serving: {at: {tokens_per_s_per_user: 10}}\n";
  const Report slow = make_report(run, "");
  EXPECT_THAT(frontier_table(slow.comparison, slow.frontiers, ConsoleStyle(false)),
              HasSubstr("150.3 tok/s while each user gets 10.00 tok/s, or more: no load slowed users down so far"));
}

}  // namespace
}  // namespace inferbench
