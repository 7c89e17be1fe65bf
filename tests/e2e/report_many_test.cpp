// GiB.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "results/run_folder.hpp"
#include "support/program.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

constexpr std::int32_t kManyBlocks = 50;
constexpr std::int32_t kPromised = 200'000;

std::int32_t wanted_trials() {
  const char* text = std::getenv("INFERBENCH_REPORT_TRIALS");
  return text == nullptr ? kPromised / 20 : std::atoi(text);
}

// Two contenders, 50 blocks, and as many points as needed.
void make_run(const std::filesystem::path& folder, std::int32_t trials) {
  RunInfo info = test::sample_info();
  info.points.clear();
  for (std::int32_t i = 0; i < trials / (2 * kManyBlocks); ++i) {
    info.points.push_back({"synthetic:gpt2", 16 + i / 16, 8, 1 << (i % 4), 1 << (i / 4 % 4)});
  }
  info.blocks = kManyBlocks;
  info.planned_trials = static_cast<std::uint64_t>(trials);
  std::ofstream(folder / "run.json") << to_json_text(info);
  std::ofstream lines(folder / "trials.jsonl");
  for (std::size_t p = 0; p < info.points.size(); ++p) {
    for (std::int32_t block = 0; block < kManyBlocks; ++block) {
      for (const char* contender : {"reference", "quant"}) {
        TrialRecord trial = test::sample_trial(contender, block, 1 + 0.01 * (static_cast<double>(p % 7) + block));
        trial.point = info.points[p];
        trial.id = fmt::format("p{}.{}.b{}", p, contender, block);
        lines << to_json_line(trial) << '\n';
      }
    }
  }
}

// A lower bound for the size of a format that shows all trials or all points.
std::uintmax_t least_bytes(const std::string& format, std::int32_t trials) {
  const auto all = static_cast<std::uintmax_t>(trials);
  return format == "csv" ? all * 200 : all / (2 * kManyBlocks) * 100;
}

// The highest peak of any child that has ended so far.
double peak_of_children_mib() {
  rusage children{};
  getrusage(RUSAGE_CHILDREN, &children);
  return static_cast<double>(children.ru_maxrss) / 1024;
}

TEST(ReportOnManyTrials, IsFastAndSmall) {
  const test::TemporaryFolder folder;
  const std::int32_t trials = wanted_trials();
  make_run(folder.path(), trials);
  for (const char* format : {"html", "md", "csv", "json", "llama-bench"}) {
    const double before = peak_of_children_mib();
    const auto begin = std::chrono::steady_clock::now();
    const std::string out = folder.path() / "out";
    const ProgramResult result = run_program({"report", folder.path().string(), "--format", format, "-o", out});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_GT(std::filesystem::file_size(out), least_bytes(format, trials)) << "not all of them are in it";
    const double mib = peak_of_children_mib();
    RecordProperty(std::string(format) + "_s", std::to_string(took.count()));
    RecordProperty(std::string(format) + "_mib", std::to_string(mib));
#ifdef INFERBENCH_SANITIZED
    constexpr bool kMemoryIsItsOwn = false;  // sanitizers keep freed memory for a while
#else
    constexpr bool kMemoryIsItsOwn = true;
#endif
    // Only a new maximum reveals the peak of this child.
    if (kMemoryIsItsOwn && mib > before) {
      EXPECT_LT(mib, 1024.0 * trials / kPromised + 32) << format;
    }
    if (trials >= kPromised) {
      EXPECT_LT(took.count(), 5.0) << format;
      std::printf("%-12s %.2f s, %.0f MiB at most, %ju bytes\n", format, took.count(), mib,
                  std::filesystem::file_size(out));
    }
  }
}

}  // namespace
}  // namespace inferbench
