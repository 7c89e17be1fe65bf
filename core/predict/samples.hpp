// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/machine_limits.hpp"
#include "model/model_config.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// What can be predicted: decode_ms_per_token, ttft_ms, peak_rss_bytes (of a trial), load_peak_rss_bytes (while the
/// model loads).
const std::vector<std::string>& prediction_targets();

/// What a backend is asked to do.
struct Workload {
  ModelConfig shape;
  std::int32_t prompt_tokens = 0;
  std::int32_t generate_tokens = 0;
  std::int32_t batch = 0;
  std::int32_t threads = 0;
  std::int32_t past_tokens = 0;  ///< in the cache of each sequence before the prompt

  friend bool operator==(const Workload&, const Workload&) = default;
};

/// As of a point of an experiment: "prompt 128, generate 32, batch 1, threads 2".
std::string workload_text(const Workload& workload);

/// Where it runs: null limits mean a machine that nobody measured. Borrowed.
struct Setting {
  std::string contender;
  bool integer_products = false;  ///< the precision is one of integers: its peak is the int8 one
  double bytes_per_weight = 0;    ///< that a decode step reads; 0: the backend does not say
  const MachineLimits* limits = nullptr;
};

/// One configuration as it was measured: medians over its trials.
struct Sample {
  Setting setting;
  std::string model;  ///< reference
  Workload workload;
  std::map<std::string, double> measured;  ///< target -> ms or bytes; those that there are
};

/// What is known of a contender besides its speed.
struct ContenderFacts {
  std::string precision;
  double bytes_per_weight = 0;  ///< mean over its configurations

  friend bool operator==(const ContenderFacts&, const ContenderFacts&) = default;
};

/// What run folders teach.
struct TrainingSet {
  std::vector<Sample> samples;
  std::map<std::string, ContenderFacts> contenders;
  /// A line for each model whose shape nobody knows, and one for points with a shared prefix, where there are some:
  /// how much of it a backend computes is not known.
  std::vector<std::string> left_out;
};

/// `limits` stands beside `runs`: each run's machine, the same pointer for the same machine, or null; it must outlive
/// the samples. Trials of one configuration on one machine make one sample, whatever their runs. Throws Error for runs
/// without an ok trial.
TrainingSet collect_samples(std::span<const RunData> runs, std::span<const MachineLimits* const> limits);

/// As a sample of this contender would have it.
Setting setting_of(const std::string& contender, const ContenderFacts& facts, const MachineLimits* limits);

}  // namespace inferbench
