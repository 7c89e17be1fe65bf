// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "results/environment.hpp"
#include "results/run_folder.hpp"
#include "results/trial_lines.hpp"
#include "support/error.hpp"
#include "support/files.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

void append_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

std::vector<std::string> ids(const std::vector<TrialRecord>& trials) {
  std::vector<std::string> list;
  for (const auto& trial : trials) list.push_back(trial.id);
  return list;
}

template <typename Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TrialRecord, SurvivesItsLine) {
  TrialRecord record = sample_trial("quant", 2, 12.5);
  record.load.page_cache_share = 0.75;
  record.load.error = "";
  record.outcome.used = ResourceUse{0.25, 0, 3};
  const std::string line = to_json_line(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const TrialRecord back = parse_trial_record(line);
  EXPECT_EQ(to_json_line(back), line);
  EXPECT_EQ(back.prompt_stream, record.prompt_stream);  // needs more than 53 bits
  EXPECT_EQ(back.point, record.point);
  ASSERT_TRUE(back.outcome.metrics);
  EXPECT_EQ(back.outcome.metrics->inter_token_ms, record.outcome.metrics->inter_token_ms);
  EXPECT_EQ(back.outcome.metrics->decode_tokens_per_s, record.outcome.metrics->decode_tokens_per_s);
  EXPECT_EQ(back.load.page_cache_share, 0.75);
  EXPECT_FALSE(back.load.generate_ms);
}

TEST(TrialRecord, KeepsAFailureWhoseMessageIsNotUtf8) {
  const TrialRecord record = failed_trial("quant", 0, TrialStatus::kCrashed, "signal 11\xff \"quoted\"\nnext");
  const TrialRecord back = parse_trial_record(to_json_line(record));
  EXPECT_EQ(back.outcome.status, TrialStatus::kCrashed);
  EXPECT_THAT(back.outcome.error, HasSubstr("signal 11"));
  EXPECT_FALSE(back.outcome.metrics);
}

TEST(TrialRecord, RefusesWhatIsNone) {
  EXPECT_THAT(error_of([] { parse_trial_record("{}"); }), HasSubstr("not a trial record"));
  EXPECT_THAT(error_of([] { parse_trial_record("[1"); }), HasSubstr("not a trial record"));
  std::string line = to_json_line(sample_trial("a", 0, 1));
  line.replace(line.find("\"ok\""), 4, "\"fine\"");
  EXPECT_THAT(error_of([&] { parse_trial_record(line); }), HasSubstr("unknown status 'fine'"));
}

TEST(RunInfo, SurvivesItsFile) {
  const RunInfo info = sample_info();
  const RunInfo back = parse_run_info(to_json_text(info));
  EXPECT_EQ(to_json_text(back), to_json_text(info));
  EXPECT_EQ(back.contenders, info.contenders);
  EXPECT_EQ(back.points, info.points);
  EXPECT_EQ(back.plugins, info.plugins);
  EXPECT_EQ(back.models, info.models);
  EXPECT_THAT(error_of([] { parse_run_info("{\"format\": 2}"); }), HasSubstr("format 2"));
  EXPECT_EQ(error_of([] { parse_run_info("{", "/runs/x/run.json"); }),
            "/runs/x/run.json is damaged: not valid JSON at line 1, column 2");
  EXPECT_EQ(error_of([] { parse_run_info("{\"format\": 1}"); }), "run.json is damaged: 'name' is missing");
  EXPECT_EQ(error_of([] { parse_run_info("{\"format\": 1, \"name\": 7}"); }),
            "run.json is damaged: expected string, found number");
}

// A folder of an earlier version has no shapes. It can be read, and its run can be resumed.
TEST(RunInfo, DoesWithoutTheShapesOfModels) {
  RunInfo earlier = sample_info();
  earlier.models[0].shape.reset();
  EXPECT_FALSE(parse_run_info(to_json_text(earlier)).models.at(0).shape);
  EXPECT_EQ(find_difference(earlier, sample_info()), "");
}

TEST(RunInfo, FindsWhatChangedSinceTheRunBegan) {
  const RunInfo before = sample_info();
  EXPECT_EQ(find_difference(before, sample_info()), "");
  RunInfo now = sample_info();
  now.plugins[1].sha256 = "other";
  EXPECT_THAT(find_difference(before, now), HasSubstr("backend of quant is a different build"));
  now = sample_info();
  now.models[0].sha256 = "other";
  EXPECT_THAT(find_difference(before, now), HasSubstr("synthetic:gpt2 has changed"));
  now = sample_info();
  now.resolved_yaml += "x: 1\n";
  EXPECT_THAT(find_difference(before, now),
              HasSubstr("the experiment differs from the one that this run started with: x: absent, now 1"));
}

TEST(RunFolder, IsNamedByTimeAndHoldsWhatWasAppended) {
  const TemporaryFolder root;
  std::filesystem::path path;
  RunInfo info;
  {
    RunFolder folder = RunFolder::create(root.path(), sample_info());
    path = folder.path();
    info = folder.info();
    folder.append(sample_trial("reference", 0, 2));
    folder.append(failed_trial("quant", 0, TrialStatus::kOom, "no memory"));
  }
  EXPECT_EQ(path.parent_path(), root.path() / "sample");
  EXPECT_THAT(path.filename().string(), MatchesRegex("[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"));
  EXPECT_EQ(read_file(path / "run.json"), to_json_text(info));
  EXPECT_EQ((path / info.experiment_folder_from_run).lexically_normal(), "/somewhere");
  info.experiment_folder_from_run.clear();
  EXPECT_EQ(to_json_text(info), to_json_text(sample_info()));
  const RunData data = read_run(path);
  EXPECT_THAT(ids(data.trials), ElementsAre("p0.reference.b0", "p0.quant.b0"));
  EXPECT_EQ(data.trials[1].outcome.status, TrialStatus::kOom);
}

TEST(RunFolder, KeepsTheRowsBeforeOneThatIsTooMuchForTheFileSizeLimit) {
  const TemporaryFolder root;
  RunFolder folder = RunFolder::create(root.path(), sample_info());
  folder.append(sample_trial("reference", 0, 2));
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // as the program does
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{std::filesystem::file_size(folder.path() / "trials.jsonl") + 10, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string error;
  try {
    folder.append(sample_trial("quant", 0, 2));
  } catch (const Error& problem) {
    error = std::string(problem.what()) + " / " + problem.cure();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, HasSubstr("trials.jsonl: File too large / raise the file-size limit (ulimit -f)"));
  EXPECT_THAT(error, HasSubstr("inferbench run --resume "));
  EXPECT_THAT(ids(read_run(folder.path()).trials), ElementsAre("p0.reference.b0"));
}

TEST(RunFolder, ResumesAfterALineThatWasCutAnywhere) {
  const std::string whole = to_json_line(sample_trial("quant", 1, 3));
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size()}) {
    const TemporaryFolder root;
    std::filesystem::path path;
    {
      RunFolder folder = RunFolder::create(root.path(), sample_info());
      path = folder.path();
      folder.append(sample_trial("reference", 0, 2));
    }
    const std::string good = read_file(path / "trials.jsonl");
    append_text(path / "trials.jsonl", whole.substr(0, cut));
    EXPECT_EQ(read_run(path).trials.size(), 1U) << cut;
    RunFolder resumed = RunFolder::resume(path);
    EXPECT_EQ(read_file(path / "trials.jsonl"), good) << cut;
    resumed.append(sample_trial("quant", 1, 3));
    EXPECT_THAT(ids(read_run(path).trials), ElementsAre("p0.reference.b0", "p0.quant.b1")) << cut;
  }
}

TEST(RunFolder, DropsALastLineThatACrashFilledWithZeros) {
  const TemporaryFolder root;
  std::filesystem::path path;
  {
    RunFolder folder = RunFolder::create(root.path(), sample_info());
    path = folder.path();
    folder.append(sample_trial("reference", 0, 2));
  }
  append_text(path / "trials.jsonl", std::string(100, '\0') + "\n");
  EXPECT_EQ(RunFolder::resume(path).trials().size(), 1U);
}

TEST(RunFolder, RefusesADamagedLineInTheMiddle) {
  const TemporaryFolder root;
  RunFolder folder = RunFolder::create(root.path(), sample_info());
  append_text(folder.path() / "trials.jsonl", "{\"id\": 3}\n");
  folder.append(sample_trial("reference", 0, 2));
  EXPECT_THAT(error_of([&] { read_run(folder.path()); }), HasSubstr("trials.jsonl:1: not a trial record"));
}

TEST(RunFolder, RefusesASecondWriter) {
  const TemporaryFolder root;
  RunFolder folder = RunFolder::create(root.path(), sample_info());
  EXPECT_THAT(error_of([&] { RunFolder::resume(folder.path()); }), HasSubstr("another inferbench is writing"));
  const std::filesystem::path path = folder.path();
  { const RunFolder moved = std::move(folder); }
  EXPECT_EQ(RunFolder::resume(path).trials().size(), 0U);
}

TEST(RunFolder, NamesAFolderThatHoldsNoRun) {
  const TemporaryFolder root;
  EXPECT_THAT(error_of([&] { RunFolder::resume(root.path()); }), HasSubstr((root.path() / "run.json").string()));
  EXPECT_FALSE(std::filesystem::exists(root.path() / "trials.jsonl"));
}

TEST(RunFolder, SaysWhereItCannotWrite) {
  EXPECT_THAT(error_of([] { RunFolder::create("/proc/inferbench", sample_info()); }),
              HasSubstr("cannot create /proc/inferbench"));
  const TemporaryFolder root;
  if (geteuid() == 0) return;  // root may write everywhere
  std::filesystem::permissions(root.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_THAT(error_of([&] { RunFolder::create(root.path(), sample_info()); }), HasSubstr("Permission denied"));
  std::filesystem::permissions(root.path(), std::filesystem::perms::owner_all);
}

// Enough lines for several threads: the order is kept, and a damaged line is reported with its right number.
TEST(TrialLines, OfALargeFileKeepTheirOrder) {
  constexpr std::int32_t kLines = 12'000;
  std::string text;
  std::vector<std::size_t> begins;
  for (std::int32_t i = 0; i < kLines; ++i) {
    begins.push_back(text.size());
    text += to_json_line(sample_trial("quant", i, 10)) + "\n";
  }
  ASSERT_GT(text.size(), std::size_t{10} << 20U);
  const TrialLines lines = parse_trial_lines(text, "trials.jsonl");
  ASSERT_EQ(lines.records.size(), static_cast<std::size_t>(kLines));
  EXPECT_EQ(lines.good_bytes, text.size());
  for (std::int32_t i = 0; i < kLines; ++i) ASSERT_EQ(lines.records[static_cast<std::size_t>(i)].block, i);

  std::string damaged = text;
  damaged[begins[11'000]] = 'x';
  try {
    parse_trial_lines(damaged, "trials.jsonl");
    FAIL() << "a damaged line was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("trials.jsonl:11001: "));
  }
  std::string cut = text;
  cut[begins.back()] = 'x';
  EXPECT_EQ(parse_trial_lines(cut, "trials.jsonl").good_bytes, begins.back());
  cut.pop_back();
  EXPECT_EQ(parse_trial_lines(cut, "trials.jsonl").records.size(), static_cast<std::size_t>(kLines - 1));
}

// A limit on file sizes simulates a full disk: write() fails in the middle of the line.
int append_until_full(const std::filesystem::path& path) {
  std::signal(SIGXFSZ, SIG_IGN);
  RunFolder folder = RunFolder::resume(path);
  const auto size = std::filesystem::file_size(path / "trials.jsonl");
  const rlimit limit{size + 100, size + 100};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  const std::string message = error_of([&] { folder.append(sample_trial("quant", 1, 3)); });
  if (message.find("cannot write") == std::string::npos || message.find("trials.jsonl") == std::string::npos) return 2;
  return folder.trials().size() == 1 ? 0 : 3;
}

TEST(RunFolder, LeavesNothingHalfWrittenOnAFullDisk) {
  const TemporaryFolder root;
  std::filesystem::path path;
  {
    RunFolder folder = RunFolder::create(root.path(), sample_info());
    path = folder.path();
    folder.append(sample_trial("reference", 0, 2));
  }
  const std::string before = read_file(path / "trials.jsonl");
  const pid_t child = fork();  // in a child, because the limit cannot be raised again
  if (child == 0) _exit(append_until_full(path));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(read_file(path / "trials.jsonl"), before);
}

TEST(Environment, TellsTheMachine) {
  const std::string text = collect_environment();
  for (const char* key : {"\"cpu\"", "\"caches\"", "\"flags\"", "\"kernel\"", "\"governor\"", "\"compiler\"",
                          "\"transparent_huge_pages\"", "\"total_bytes\"", "\"libc\"", "\"usable\""}) {
    EXPECT_THAT(text, HasSubstr(key));
  }
}

}  // namespace
}  // namespace inferbench
