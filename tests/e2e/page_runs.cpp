// SPDX-License-Identifier: Apache-2.0
#include "e2e/page_runs.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <utility>

#include "e2e/full_run.hpp"
#include "results/run_info.hpp"
#include "results/skip_error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

namespace {

namespace fs = std::filesystem;

constexpr std::int32_t kPageBlocks = 7;
// Not a raw string, because clang-format would reformat its content.
constexpr const char* kEnvironment =
    "{\"cpu\":{\"model\":\"AMD EPYC 7763 64-Core Processor\",\"online\":4,\"usable\":"
    "[0,1]},\"memory\":{\"total_bytes\":25276502016},"
    "\"system\":{\"os\":\"Debian GNU/Linux 12 (bookworm)\",\"kernel\":\"Linux 6.1.0-18-amd64\"}}";

RunInfo info_of(const std::string& name, const std::vector<std::string>& contenders, std::vector<Point> points) {
  RunInfo info = sample_info();
  info.name = name;
  info.environment = kEnvironment;
  info.contenders.clear();
  info.plugins.clear();
  for (const std::string& contender : contenders) {
    info.contenders.push_back({contender, "cpu_quant", "int8", {}});
    info.plugins.push_back({contender, "/p/libcpu_quant.so", "cpu_quant", "1", "gcc", "bb"});
  }
  info.baseline = contenders.front();
  info.points = std::move(points);
  info.blocks = kPageBlocks;
  info.planned_trials = info.points.size() * info.contenders.size() * kPageBlocks;
  return info;
}

// Milliseconds per token of a contender that is about `speed` times as fast as the first one.
double ms_at(const Point& point, std::size_t contender, std::int32_t block, double speed) {
  const double noise = 1 + 0.02 * std::sin(1.0 + 5.0 * block + 2.0 * static_cast<double>(contender));
  return 12 * std::pow(point.prompt_tokens / 32.0, 0.2) * std::pow(point.batch, 0.3) / speed * noise;
}

using Edit = std::function<void(TrialRecord& trial, std::size_t point, std::size_t contender)>;

// `speeds`: one per contender.
void write_page_run(const fs::path& folder, const RunInfo& info, const std::vector<double>& speeds, const Edit& edit) {
  std::ofstream(folder / "run.json") << to_json_text(info);
  std::ofstream lines(folder / "trials.jsonl");
  for (std::size_t p = 0; p < info.points.size(); ++p) {
    for (std::int32_t block = 0; block < info.blocks; ++block) {
      for (std::size_t c = 0; c < info.contenders.size(); ++c) {
        const Point& point = info.points[p];
        const double ms = ms_at(point, c, block, speeds[c] * (1 + 0.1 * static_cast<double>(c * (p % 3))));
        TrialRecord trial = sample_trial(info.contenders[c].name, block, ms);
        trial.point = point;
        trial.id = fmt::format("p{}.c{}.b{}", p, c, block);
        trial.outcome.metrics->prefill_tokens_per_s =
            1e3 * point.prompt_tokens * point.batch / trial.outcome.metrics->ttft_ms;
        if (edit) edit(trial, p, c);
        lines << to_json_line(trial) << '\n';
      }
    }
  }
}

std::vector<Point> grid(const std::string& model, const std::vector<std::int32_t>& prompts,
                        const std::vector<std::int32_t>& batches) {
  std::vector<Point> points;
  for (const std::int32_t prompt : prompts) {
    for (const std::int32_t batch : batches) points.push_back({model, prompt, 64, batch, 2});
  }
  return points;
}

void write_ordinary(const fs::path& folder) {
  const RunInfo info = info_of("ordinary", {"reference", "cpu_quant:int8", "cpu_quant:int4"},
                               grid("synthetic:gpt2", {32, 128, 512}, {1, 4}));
  write_page_run(folder, info, {1, 1.9, 2.0}, {});
}

void fail(TrialRecord& trial, TrialStatus status, std::string error, std::string printed = "") {
  trial.outcome = {};
  trial.outcome.status = status;
  trial.outcome.error = std::move(error);
  trial.outcome.stderr_tail = std::move(printed);
}

void write_faulty(const fs::path& folder) {
  RunInfo info = info_of("faulty", {"reference", "cpu_quant:int4", "drifting", "crashing", "slow", "sometimes"},
                         grid("synthetic:gpt2", {32, 512}, {1, 4}));
  info.resolved_yaml =
      "name: faulty\ntargets:\n  - {metric: ttft_ms, percentile: 50, at_most: 200}\n"
      "  - {metric: decode_tokens_per_s, at_least: 1.5 x baseline}\n  - {metric: peak_rss_bytes, at_most: 1e9}\n";
  write_page_run(folder, info, {1, 0.9, 3.1, 1, 1, 1.4}, [](TrialRecord& trial, std::size_t point, std::size_t who) {
    const std::int32_t block = trial.block;
    if (who == 2) {
      fail(trial, TrialStatus::kWrongOutput,
           fmt::format("quality: KL 0.{}31 is above the bound of 0.02, which max_kl.int8 in the experiment asks for "
                       "(text /data/validation/wikitext-103-raw-v1/wiki.validation.tokens)",
                       block));
    }
    const std::string crash = "the worker was killed by signal 11 (Segmentation fault)";
    if (who == 3 && block < 2) fail(trial, TrialStatus::kCrashed, crash, "loading <weights>\nAddressSanitizer: SEGV");
    if (who == 3 && block >= 2) fail(trial, TrialStatus::kSkipped, skip_error(2, crash));
    if (who == 4 && point >= 2) fail(trial, TrialStatus::kTimeout, "no result after 300 s");
    if (who == 5 && point == 3 && block == 1) fail(trial, TrialStatus::kOom, "3.2 GiB wanted, limits.memory is 2 GiB");
  });
}

void write_single(const fs::path& folder) {
  write_page_run(folder, info_of("single", {"reference"}, {{"synthetic:gpt2", 32, 8, 1, 2}}), {1}, {});
}

void write_large(const fs::path& folder) {
  const std::string model = "/data/models/organization-with-a-long-name/a-model-with-a-long-name-7B-instruct-v0.3";
  std::vector<std::string> names{"reference"};
  for (const char* options : {"tile=32", "tile=64", "tile=128,kv=bf16", "kv=bf16"}) {
    names.push_back(fmt::format("experimental_backend_of_the_team:int8,isa=avx512vnni,{}", options));
  }
  names.emplace_back("onednn");
  names.push_back("unbroken" + std::string(50, 'n'));
  names.emplace_back("torch");
  RunInfo info = info_of("a_large_run_with_a_name_that_is_long_enough_to_need_a_line_of_its_own", names,
                         grid(model, {32, 128, 512, 2048, 8192}, {1, 4, 16, 64}));
  info.models = {{model, "a-model-with-a-long-name-7B-instruct-v0.3", "cc", 7'248'023'552, std::nullopt}};
  write_page_run(folder, info, {1, 1.5, 1.7, 2.4, 2.5, 0.8, 1.01, 0.4}, {});
}

}  // namespace

std::vector<PageRun> page_runs() {
  return {{"ordinary", write_ordinary},
          {"faulty", write_faulty},
          {"full", write_full_run},
          {"single", write_single},
          {"large", write_large}};
}

}  // namespace inferbench::test
