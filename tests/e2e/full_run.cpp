// SPDX-License-Identifier: Apache-2.0
#include "e2e/full_run.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <fstream>
#include <vector>

#include "results/quality_record.hpp"
#include "results/run_info.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

namespace {

constexpr std::int32_t kBlocks = 7;

RunInfo full_info() {
  RunInfo info = sample_info();
  info.name = "full";
  info.resolved_yaml = "name: full\nbackends:\n  - {plugin: cpu_ref, name: reference}\n# <script>alert(1)</script>\n";
  info.contenders.push_back({kHostileName, "cpu_quant", "int4", {}});
  info.plugins.push_back({kHostileName, "/p/libcpu_quant.so", "cpu_quant", "1", "gcc", "bb"});
  ModelConfig medium;
  set_gpt2_sizes(medium, 24, 16, 1024, 1024, 50257);
  info.models.push_back({"synthetic:gpt2-medium", "synthetic:gpt2-medium", "dd", 354'823'168, medium});
  info.points.clear();
  for (const char* model : {"synthetic:gpt2", "synthetic:gpt2-medium"}) {
    for (const std::int32_t prompt : {32, 128}) {
      for (const std::int32_t threads : {1, 2}) info.points.push_back({model, prompt, 8, 1, threads});
    }
  }
  info.blocks = kBlocks;
  info.planned_trials = info.points.size() * info.contenders.size() * kBlocks;
  MachineLimits& limits = info.machine.emplace();
  for (const std::int32_t threads : {1, 2}) {
    const double n = threads;
    limits.by_threads.push_back({threads,
                                 {{512U << 20U, {12e9 * n, 12e9 * n, "avx2"}}},
                                 {60e9 * n, 60e9 * n, "avx2"},
                                 {240e9 * n, 240e9 * n, "avx2"}});
  }
  return info;
}

// Milliseconds per token: more for larger models and longer prompts, a little more than half on two threads.
double law(const RunInfo& info, std::size_t point, std::size_t contender, std::int32_t block) {
  const Point& at = info.points[point];
  const double size = at.model == "synthetic:gpt2" ? 1 : 2.8;
  const double speed = contender == 0 ? 1 : 2.0 + 0.5 * static_cast<double>(contender);
  const double noise = 1 + 0.01 * std::sin(1.0 + 7.0 * block + 3.0 * static_cast<double>(contender + point));
  return 20 * size * std::pow(at.prompt_tokens / 32.0, 0.1) / std::pow(at.threads, 0.9) / speed * noise;
}

TrialRecord full_trial(const RunInfo& info, std::size_t point, std::size_t contender, std::int32_t block) {
  const Contender& who = info.contenders[contender];
  TrialRecord trial = sample_trial(who.name, block, law(info, point, contender, block));
  trial.id = fmt::format("p{}.c{}.b{}", point, contender, block);
  trial.backend = who.plugin;
  trial.precision = who.precision;
  trial.point = info.points[point];
  trial.outcome.metrics->prefill_tokens_per_s = trial.point.prompt_tokens / trial.outcome.metrics->ttft_ms * 1e3;
  const double bytes = contender == 0 ? 4 : contender == 1 ? 1 : 0.6;
  const bool small = trial.point.model == "synthetic:gpt2";
  trial.load.decode_weights_bytes = static_cast<std::uint64_t>((small ? 124e6 : 355e6) * bytes);
  return trial;
}

std::vector<TrialRecord> full_trials(const RunInfo& info) {
  std::vector<TrialRecord> trials;
  for (std::size_t point = 0; point < info.points.size(); ++point) {
    for (std::int32_t block = 0; block < kBlocks; ++block) {
      for (std::size_t contender = 0; contender < info.contenders.size(); ++contender) {
        trials.push_back(full_trial(info, point, contender, block));
      }
    }
  }
  TrialRecord& crashed = trials.back();
  crashed.outcome = {};
  crashed.outcome.status = TrialStatus::kCrashed;
  crashed.outcome.error = "the worker was killed by signal 11 (<b>SIGSEGV</b>)";
  TrialRecord far = full_trial(info, 0, 1, 3);
  for (double* value : {&far.outcome.metrics->ttft_ms, &*far.outcome.metrics->decode_ms_per_token}) *value *= 3;
  trials[3 * info.contenders.size() + 1] = far;
  trials[2].disturbed_by = "waited 31 ms for a CPU";
  // All of block 1 was repeated: its first attempt comes before the one that counts.
  const auto block = trials.begin() + static_cast<std::ptrdiff_t>(info.contenders.size());
  std::vector<TrialRecord> again(block, block + static_cast<std::ptrdiff_t>(info.contenders.size()));
  for (TrialRecord& trial : again) trial.attempt = 1;
  trials[5].disturbed_by = "a spin took 9 ms instead of 5";
  trials.insert(trials.begin() + 6, again.begin(), again.end());
  return trials;
}

QualityRecord full_quality(const RunInfo& info, std::size_t contender, const std::string& model) {
  QualityRecord record;
  record.contender = info.contenders[contender].name;
  record.precision = info.contenders[contender].precision;
  record.model = model;
  record.reference = "cpu_ref";
  record.text = "/texts/wiki.txt";
  record.started = info.started;
  record.status = contender == 2 ? TrialStatus::kWrongOutput : TrialStatus::kOk;
  if (contender == 2) record.error = "KL 0.03 is above the bound of 0.02";
  record.max_kl = 0.02;
  record.repeats = true;
  const double kl = contender == 0 ? 0 : contender == 1 ? 1.4e-4 : 0.03;
  Agreement& agreement = record.agreement.emplace();
  agreement.windows = 20;
  agreement.tokens = 20460;
  agreement.perplexity = {30.5 + kl, Interval{28.1, 32.9}};
  agreement.nll_per_token = {std::log(30.5 + kl), Interval{3.33, 3.49}};
  auto& reference = agreement.reference.emplace();
  reference.perplexity = 30.5;
  reference.nll_per_token = std::log(30.5);
  reference.kl = {kl, Interval{kl * 0.9, kl * 1.1}};
  reference.top1 = {1 - kl, Interval{1 - 2 * kl, 1 - kl / 2}};
  reference.top5 = {1 - kl / 2, Interval{1 - kl, 1 - kl / 4}};
  reference.greatest_error = {kl * 10, std::nullopt};
  return record;
}

}  // namespace

void write_full_run(const std::filesystem::path& folder) {
  const RunInfo info = full_info();
  std::ofstream(folder / "run.json") << to_json_text(info);
  std::ofstream trials(folder / "trials.jsonl");
  for (const TrialRecord& trial : full_trials(info)) trials << to_json_line(trial) << '\n';
  std::ofstream quality(folder / "quality.jsonl");
  for (const char* model : {"synthetic:gpt2", "synthetic:gpt2-medium"}) {
    for (std::size_t i = 0; i < info.contenders.size(); ++i)
      quality << to_json_line(full_quality(info, i, model)) << '\n';
  }
}

}  // namespace inferbench::test
