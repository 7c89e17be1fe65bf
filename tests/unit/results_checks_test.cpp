// SPDX-License-Identifier: Apache-2.0
// Values derived from rows: attempts, shares of the machine's limits, memory, notes.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "results/limit_share.hpp"
#include "results/median_gaps.hpp"
#include "results/memory_check.hpp"
#include "results/metric_values.hpp"
#include "results/paired_ratio.hpp"
#include "results/run_folder.hpp"
#include "results/run_notes.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using test::TemporaryFolder;
using testing::AllOf;
using testing::Contains;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::StartsWith;

constexpr std::uint64_t kMiB = 1U << 20U;

TEST(RunFolderAttempts, OneCountsAndTheOthersAreKept) {
  const TemporaryFolder root;
  RunFolder folder = RunFolder::create(root.path(), sample_info());
  TrialRecord first = sample_trial("quant", 0, 3);
  first.disturbed_by = "the spin before it";
  folder.append(first);
  folder.append(sample_trial("reference", 0, 2));
  TrialRecord second = sample_trial("quant", 0, 2);
  second.attempt = 1;
  folder.append(second);
  TrialRecord reference = sample_trial("reference", 0, 2);
  reference.attempt = 1;
  folder.append(reference);
  const RunData read = read_run(folder.path());
  for (const RunData* data : {&folder.data(), &read}) {
    ASSERT_EQ(data->trials.size(), 2U);
    EXPECT_EQ(data->trials[0].attempt, 1);
    EXPECT_EQ(data->trials[1].attempt, 1);
    EXPECT_FALSE(data->trials[1].disturbed());
    ASSERT_EQ(data->replaced.size(), 2U);
    EXPECT_EQ(data->replaced[0].disturbed_by, "the spin before it");
  }
}

MachineLimits limits() {
  ThreadLimits two;
  two.threads = 2;
  two.read = {{16 * kMiB, {100e9, 90e9, "x"}}, {256 * kMiB, {20e9, 19e9, "x"}}};
  two.fp32_flops_per_s = {200e9, 190e9, "x"};
  two.int8_ops_per_s = {800e9, 700e9, "x"};
  MachineLimits machine;
  machine.by_threads = {two};
  return machine;
}

ModelConfig small_shape() {
  ModelConfig config;
  set_gpt2_sizes(config, 2, 2, 8, 16, 100);
  return config;
}

// By hand: a layer has 4 * 64 + 2 * 8 * 32 = 768 weights, which is 1536 operations per token. Three tokens see 1 + 2 +
// 3 keys, with 8 multiply-adds each for the score and for the value. The head has 800 weights.
TEST(LimitShare, CountsThePrefillsOperations) {
  EXPECT_DOUBLE_EQ(prefill_flops(small_shape(), 3, 1), 2 * (3 * 1536 + 6 * 2 * 16) + 2 * 800);
  EXPECT_DOUBLE_EQ(prefill_flops(small_shape(), 3, 5), 5 * prefill_flops(small_shape(), 3, 1));
}

TEST(LimitShare, IsWhatWasReachedOfWhatIsPossible) {
  TrialRecord trial = sample_trial("reference", 0, 10);  // 10 ms per token, prefill in 40 ms
  trial.load.decode_weights_bytes = 100 * kMiB;          // closer to 256 MiB than to 16 MiB
  set_limit_shares(trial, small_shape(), limits(), precision_meaning(trial.precision));
  EXPECT_THAT(trial.decode_bandwidth_share, Optional(DoubleNear(100.0 * kMiB / 0.010 / 20e9, 1e-9)));
  const double flops = prefill_flops(small_shape(), 32, 1);
  EXPECT_THAT(trial.prefill_peak_share, Optional(DoubleNear(flops / 0.040 / 200e9, 1e-12)));
  trial.precision = "int4";
  set_limit_shares(trial, small_shape(), limits(), precision_meaning(trial.precision));
  EXPECT_THAT(trial.prefill_peak_share, Optional(DoubleNear(flops / 0.040 / 800e9, 1e-12)));
  const TrialRecord back = parse_trial_record(to_json_line(trial));
  EXPECT_EQ(back.decode_bandwidth_share, trial.decode_bandwidth_share);
  EXPECT_EQ(back.prefill_peak_share, trial.prefill_peak_share);
}

TEST(LimitShare, OfADeviceIsOfItsOwnLimits) {
  MachineLimits machine = limits();
  DeviceLimits device;
  device.device = "cuda:1";
  device.read = {{64 * kMiB, {2000e9, 0, ""}}, {4096 * kMiB, {4000e9, 0, ""}}};
  device.fp32_flops_per_s.best = 60e12;
  device.bf16_flops_per_s.best = 800e12;
  device.int8_ops_per_s.best = 1600e12;
  machine.by_device = {device};
  TrialRecord trial = sample_trial("quant", 0, 10);
  trial.point.threads = 8;  // no thread count matters
  trial.load.decode_weights_bytes = 3000 * kMiB;
  const double flops = prefill_flops(small_shape(), 32, 1);
  const auto peak_of = [&](const PrecisionMeaning& precision) {
    set_limit_shares(trial, small_shape(), machine, precision, "cuda:1");
    EXPECT_THAT(trial.decode_bandwidth_share, Optional(DoubleNear(3000.0 * kMiB / 0.010 / 4000e9, 1e-9)));
    return flops / 0.040 / trial.prefill_peak_share.value_or(0);
  };
  EXPECT_NEAR(peak_of({32, false}), 60e12, 1e6);
  EXPECT_NEAR(peak_of({16, false}), 800e12, 1e6);
  EXPECT_NEAR(peak_of({8, false}), 800e12, 1e6);  // 8-bit weights, but products of 16 bits
  EXPECT_NEAR(peak_of({8, true}), 1600e12, 1e7);
  set_limit_shares(trial, small_shape(), machine, PrecisionMeaning{16, false}, "cuda:0");
  EXPECT_FALSE(trial.decode_bandwidth_share || trial.prefill_peak_share);
}

TEST(LimitShare, IsAbsentWhereNothingCanBeSaid) {
  TrialRecord trial = sample_trial("reference", 0, 10);
  trial.point.threads = 8;  // not measured
  set_limit_shares(trial, small_shape(), limits(), precision_meaning(trial.precision));
  EXPECT_FALSE(trial.decode_bandwidth_share || trial.prefill_peak_share);
  trial = failed_trial("reference", 0, TrialStatus::kOom, "no memory");
  set_limit_shares(trial, small_shape(), limits(), precision_meaning(trial.precision));
  EXPECT_FALSE(trial.decode_bandwidth_share || trial.prefill_peak_share);
}

TrialRecord trial_with_memory(std::uint64_t measured_mib, std::uint64_t reported_mib) {
  TrialRecord trial = sample_trial("quant", 0, 2);
  trial.load.rss_before_bytes = 10 * kMiB;
  trial.load.weights_bytes = reported_mib * kMiB;
  trial.outcome.kv_bytes = 0;
  trial.outcome.memory.peak_rss_bytes = (10 + measured_mib) * kMiB;
  return trial;
}

TEST(MemoryCheck, HoldsTheBackendToWhatItReports) {
  const auto check = check_memory(trial_with_memory(130, 100));
  ASSERT_TRUE(check);
  EXPECT_DOUBLE_EQ(check->disagreement(), 0.3);
  EXPECT_TRUE(check->disagrees());
  EXPECT_TRUE(check_memory(trial_with_memory(70, 100))->disagrees());
  EXPECT_FALSE(check_memory(trial_with_memory(119, 100))->disagrees());
  // Small differences come from libraries and allocators
  EXPECT_FALSE(check_memory(trial_with_memory(9, 2))->disagrees());
  EXPECT_FALSE(check_memory(trial_with_memory(9, 0)));  // the backend reports nothing
}

TEST(PeakMemory, IsSplitIntoAnonymousAndFiles) {
  EXPECT_EQ(peak_anonymous_bytes({100, 80, 50, 30}), 70U);
  EXPECT_EQ(peak_anonymous_bytes({std::nullopt, 80, 50, 30}), std::nullopt);
  EXPECT_EQ(peak_anonymous_bytes({100, 80, 0, 120}), 0U);  // the files were mapped after the peak
}

RunData run_of(std::vector<TrialRecord> trials) {
  return {sample_info(), std::move(trials), {}};
}

TEST(RunNotes, SayNothingOfAQuietRun) {
  std::vector<TrialRecord> trials;
  for (int block = 0; block < 6; ++block) trials.push_back(sample_trial("quant", block, 2 + 0.01 * block));
  EXPECT_THAT(run_notes(run_of(trials)), IsEmpty());
}

TEST(RunNotes, NameTheWorstDisturbedTrial) {
  std::vector<TrialRecord> trials;
  for (int block = 0; block < 6; ++block) trials.push_back(sample_trial("quant", block, 2 + 0.01 * block));
  trials[1].disturbed_by = "its threads waited 7 ms for a CPU";
  trials[1].outcome.interference.run_delay_ms = 7;
  trials[3].disturbed_by = "a signal stopped the process";
  trials[3].outcome.interference.standstill.stalled_ms = 500;
  trials[4].outcome.interference.run_delay_ms = 900;  // of so long a trial that it does not count as disturbed
  EXPECT_THAT(
      run_notes(run_of(trials)),
      Contains("2 of 6 trials were disturbed but are included, the worst p0.quant.b3: a signal stopped the process"));
}

TEST(RunNotes, NameBackendsThatTakeMoreCpusThanTheyAreTold) {
  std::vector<TrialRecord> trials;
  for (int block = 0; block < 6; ++block) trials.push_back(sample_trial("quant", block, 20));
  const double wall_s = trials[0].outcome.metrics->e2e_ms * 1e-3;
  trials[2].outcome.used->cpu_s = 2.3 * wall_s;  // of two threads
  EXPECT_THAT(run_notes(run_of(trials)), IsEmpty());
  trials[3].outcome.used->cpu_s = 2.6 * wall_s;
  trials[4].outcome.used->cpu_s = 3.4 * wall_s;
  EXPECT_THAT(
      run_notes(run_of(trials)),
      ElementsAre(
          "quant kept 3.4 CPUs busy with 2 threads (2 trials in all): it computes in more threads than it is told"));
}

// Merged folders may have a block twice, and their rows in any order.
TEST(PairedValues, AreAscendingByBlockAndTakeItsLastRow) {
  const std::vector<TrialRecord> ours{sample_trial("quant", 2, 3), sample_trial("quant", 0, 1),
                                      sample_trial("quant", 0, 5), sample_trial("quant", 7, 9)};
  const std::vector<TrialRecord> theirs{sample_trial("reference", 3, 8), sample_trial("reference", 0, 2),
                                        sample_trial("reference", 2, 4), sample_trial("reference", -1, 6)};
  const auto pointers = [](const std::vector<TrialRecord>& trials) {
    std::vector<const TrialRecord*> all;
    for (const TrialRecord& trial : trials) all.push_back(&trial);
    return all;
  };
  const PairedValues pairs = paired_values("decode_ms_per_token", pointers(ours), pointers(theirs));
  EXPECT_THAT(pairs.first, ElementsAre(5, 3));
  EXPECT_THAT(pairs.second, ElementsAre(2, 4));
}

TEST(RunNotes, NameWhatAReaderShouldKnow) {
  std::vector<TrialRecord> trials;
  for (int block = 0; block < 6; ++block) trials.push_back(sample_trial("quant", block, 2 + 0.01 * block));
  trials[4] = sample_trial("quant", 4, 9);
  trials[1].disturbed_by = "3 pages read from disk";
  trials[2] = trial_with_memory(130, 100);
  trials[3].load.cache = "cold";
  trials[3].load.page_cache_share = 0.5;
  RunData run = run_of(trials);
  run.replaced.push_back(trials[0]);
  EXPECT_THAT(
      run_notes(run),
      ElementsAre(
          HasSubstr("1 trial was run again"),
          "1 of 6 trials was disturbed but is included, namely p0.quant.b1: 3 pages read from disk",
          "quant should have been loaded with a cold page cache, but 50% of its files were in memory",
          "quant used 130 MiB but reports 100 MiB (+30%)",
          "2 values of quant are far from the others but included, such as ttft_ms at synthetic:gpt2: prompt 32, "
          "generate 8, batch 1, threads 2, block 4"));
}

// The machine becomes three times slower at the fifth block. The reference's median comes from the fast blocks, the
// other contender's from the block in between.
TEST(RunNotes, SayWhereMediansAndPairsDisagree) {
  const std::vector<double> reference{1, 1, 1, 1, 3, 3, 3};
  const std::vector<double> quant{2, 2, 2.02, 3, 6, 6, 6.05};
  std::vector<TrialRecord> trials;
  for (std::size_t block = 0; block < reference.size(); ++block) {
    trials.push_back(sample_trial("reference", static_cast<std::int32_t>(block), reference[block]));
    trials.push_back(sample_trial("quant", static_cast<std::int32_t>(block), quant[block]));
  }
  const RunData run = run_of(trials);
  const std::vector<std::string> notes = run_notes(run);
  ASSERT_FALSE(notes.empty());
  EXPECT_THAT(notes[0],
              StartsWith("prefill_tokens_per_s of quant at synthetic:gpt2: prompt 32, generate 8, batch 1, threads 2: "
                         "the medians' ratio is 0.333x, the speed within blocks 0.471x (0.38-0.582)."));
  // The blocks differ as much, but medians and pairs agree.
  for (std::size_t i = 1; i < trials.size(); i += 2) {
    trials[i] = sample_trial("quant", trials[i].block, 2 * reference[i / 2] * (1 + 1e-4 * static_cast<double>(i)));
  }
  EXPECT_THAT(median_gaps(run_of(trials), TrialIndex(run_of(trials))), IsEmpty());
  // With two blocks there is no interval, but a large difference is still reported.
  const RunData two = run_of({sample_trial("reference", 0, 1), sample_trial("quant", 0, 2), sample_trial("quant", 1, 9),
                              failed_trial("reference", 1, TrialStatus::kCrashed, "signal 11")});
  EXPECT_EQ(median_gaps(two, TrialIndex(two)).size(), 2U);
}

TEST(UnknownValues, AreNullAndNeverZero) {
  TrialRecord trial = failed_trial("reference", 0, TrialStatus::kCrashed, "gone");
  trial.outcome.memory = {};
  trial.outcome.kv_bytes.reset();
  trial.outcome.used.reset();
  trial.load = LoadOutcome{};
  const auto json = nlohmann::json::parse(to_json_line(trial));
  for (const char* key : {"kv_bytes", "scratch_bytes", "device_bytes", "backend_peak_bytes", "peak_rss_bytes",
                          "peak_rss_anonymous_bytes", "peak_rss_file_bytes", "rss_bytes", "rss_anonymous_bytes",
                          "rss_file_bytes", "cpu_s", "involuntary_switches", "major_faults", "spin_ms", "stalled_ms"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  for (const char* key : {"load_ms", "init_ms", "weights_bytes", "decode_weights_bytes", "rss_before_bytes",
                          "peak_rss_bytes", "peak_rss_file_bytes"}) {
    EXPECT_TRUE(json.at("load").at(key).is_null()) << key;
  }
  EXPECT_EQ(to_json_line(parse_trial_record(to_json_line(trial))), to_json_line(trial));

  TrialRecord good = trial_with_memory(10, 0);
  good.outcome.memory.peak_rss_bytes.reset();
  good.outcome.kv_bytes.reset();
  EXPECT_EQ(metric_value(good, "peak_rss_bytes"), std::nullopt);
  EXPECT_EQ(metric_value(good, "kv_bytes"), std::nullopt);
  EXPECT_EQ(metric_value(good, "weights_bytes"), std::nullopt);
  EXPECT_FALSE(check_memory(good));
}

TEST(UnknownValues, OfEarlierVersionsWereZero) {
  auto json = nlohmann::json::parse(to_json_line(sample_trial("reference", 0, 2)));
  json["peak_rss_bytes"] = 0;
  json["backend_peak_bytes"] = 0;
  json["load"]["peak_rss_bytes"] = 0;
  json["load"]["rss_before_bytes"] = 0;
  for (const char* key : {"stalled_ms", "suspended_ms", "traced", "stopped", "peak_rss_unknown", "logits_checked"}) {
    json.erase(key);
  }
  const TrialRecord read = parse_trial_record(json.dump());
  EXPECT_EQ(read.outcome.memory.peak_rss_bytes, std::nullopt);
  EXPECT_EQ(read.outcome.backend_peak_bytes, std::nullopt);
  EXPECT_EQ(read.load.peak_rss_bytes, std::nullopt);
  EXPECT_EQ(read.load.rss_before_bytes, std::nullopt);
  EXPECT_FALSE(read.outcome.logits_checked);
}

TEST(RunNotes, NameUnknownPeaksStoppedLoadsAndBadEnds) {
  TrialRecord unknown = sample_trial("quant", 0, 2);
  unknown.outcome.memory.peak_rss_bytes.reset();
  unknown.outcome.peak_unknown = "the process kept 12.0 MiB of an earlier point";
  TrialRecord stopped = sample_trial("reference", 0, 1);
  stopped.load.standstill.stopped = true;
  RunData run = run_of({unknown, stopped});
  run.teardown = {{"quant", "in shutdown: the worker was killed by signal 11 (Segmentation fault)", 12}};
  const std::vector<std::string> notes = run_notes(run);
  EXPECT_THAT(notes, Contains(AllOf(HasSubstr("peak_rss_bytes is unknown for 1 of 2 trials"),
                                    HasSubstr("kept 12.0 MiB of an earlier point"))));
  EXPECT_THAT(notes, Contains(HasSubstr("a load of reference was disturbed, and its load_ms includes that time: a "
                                        "signal stopped the process")));
  EXPECT_THAT(notes,
              Contains(HasSubstr("quant did not shut down cleanly in 12 workers: in shutdown: the worker was killed")));
}

TEST(RunFolderTeardown, CountsFaultsAndSurvivesAResume) {
  const TemporaryFolder root;
  std::filesystem::path path;
  const TeardownRecord crash{"quant", "in shutdown: \"quoted\"", 1};
  const TeardownRecord hang{"quant", "in shutdown: longer than 5 s", 1};
  {
    RunFolder folder = RunFolder::create(root.path(), sample_info());
    path = folder.path();
    folder.append(crash);
    folder.append(hang);
    folder.append(crash);
  }
  const std::vector<TeardownRecord> expected{{"quant", crash.fault, 2}, hang};
  EXPECT_EQ(read_run(path).teardown, expected);
  EXPECT_EQ(RunFolder::resume(path).data().teardown, expected);
  std::ofstream(path / "teardown.jsonl", std::ios::app) << "{}\n";
  EXPECT_THAT([&] { read_run(path); }, testing::ThrowsMessage<Error>(HasSubstr("teardown.jsonl:3")));
}

}  // namespace
}  // namespace inferbench
