// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "results/run_info.hpp"
#include "results/trial_record.hpp"

namespace inferbench::test {

/// A temporary folder, removed by the destructor.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "inferbench-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline RunInfo sample_info() {
  RunInfo info;
  info.name = "sample";
  info.experiment_file = "/somewhere/sample.yaml";
  info.resolved_yaml = "name: sample\n";
  info.baseline = "reference";
  info.contenders = {{"reference", "cpu_ref", "fp32", {}}, {"quant", "cpu_quant", "int8", {{"isa", "avx2"}}}};
  info.points = {{"synthetic:gpt2", 32, 8, 1, 2}, {"synthetic:gpt2", 32, 8, 4, 2}};
  info.blocks = 3;
  info.planned_trials = 16;
  info.program = "inferbench 0.1.0";
  info.started = "2026-03-01T12:00:00Z";
  info.environment = R"({"cpu":{"model":"X"}})";
  info.plugins = {{"reference", "/p/libcpu_ref.so", "cpu_ref", "1", "gcc", "aa"},
                  {"quant", "/p/libcpu_quant.so", "cpu_quant", "1", "gcc", "bb"}};
  ModelConfig config;
  set_gpt2_sizes(config, 12, 12, 768, 1024, 50257);
  info.models = {{"synthetic:gpt2", "synthetic:gpt2", "cc", 124'439'808, config}};
  return info;
}

/// A successful trial at the first point of the run: `ms` per token, prefill in 4 x `ms`.
inline TrialRecord sample_trial(const std::string& contender, std::int32_t block, double ms) {
  TrialRecord record;
  record.contender = contender;
  record.backend = contender == "reference" ? "cpu_ref" : "cpu_quant";
  record.precision = "fp32";
  record.point = sample_info().points.front();
  record.block = block;
  record.id = "p0." + contender + ".b" + std::to_string(block);
  record.prompt_stream = (std::uint64_t{1} << 63U) + 7;
  record.started = "2026-03-01T12:00:01Z";
  record.duration_s = 0.5;
  record.load.status = TrialStatus::kOk;
  record.load.load_ms = 100;
  record.load.weights_bytes = 1U << 20U;
  record.load.device = "cpu";
  record.load.kernels = "avx2";
  record.outcome.status = TrialStatus::kOk;
  TrialTimes times{1'000'000, {}};
  auto now = static_cast<std::uint64_t>(1e6 + 4e6 * ms);
  for (int i = 0; i < 8; ++i, now += static_cast<std::uint64_t>(1e6 * ms)) times.tokens.push_back(now);
  record.outcome.metrics = derive_metrics(times, 1, 32);
  record.outcome.digest = "0123456789abcdef";
  record.outcome.kv_bytes = 1U << 19U;
  record.outcome.memory.peak_rss_bytes = 3U << 20U;
  record.outcome.used = ResourceUse{0.015 * ms, 0, 0};  // of 0.011 ms seconds of wall time, two threads
  return record;
}

inline TrialRecord failed_trial(const std::string& contender, std::int32_t block, TrialStatus status,
                                const std::string& error) {
  TrialRecord record = sample_trial(contender, block, 1);
  record.outcome = {};
  record.outcome.status = status;
  record.outcome.error = error;
  return record;
}

}  // namespace inferbench::test
