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
#include "support/precision.hpp"

namespace inferbench {

/// The targets: decode_ms_per_token, ttft_ms, peak_rss_bytes (of a trial), load_peak_rss_bytes (while the model loads).
const std::vector<std::string>& prediction_targets();

/// A workload for a backend.
struct Workload {
  ModelConfig shape;
  std::int32_t prompt_tokens = 0;
  std::int32_t generate_tokens = 0;
  std::int32_t batch = 0;
  std::int32_t threads = 0;
  std::int32_t past_tokens = 0;  ///< in the cache of each sequence before the prompt

  friend bool operator==(const Workload&, const Workload&) = default;
};

/// The same form as for a point of an experiment: "prompt 128, generate 32, batch 1, threads 2".
std::string workload_text(const Workload& workload);

/// Where a workload runs. Null limits mean that the machine's limits were not measured. Borrowed.
struct Setting {
  std::string contender;
  std::optional<PrecisionMeaning> precision;  ///< decides which peak applies to products
  double bytes_per_weight = 0;                ///< bytes that a decode step reads per weight; 0: not reported
  const MachineLimits* limits = nullptr;
  std::string device{};  ///< such as "cuda:0"; empty: the CPUs

  /// Whether the limits of the device, or of the CPUs, were measured.
  bool knows_limits() const { return limits != nullptr && (device.empty() || limits->find(device) != nullptr); }
};

/// One measured configuration: medians over its trials.
struct Sample {
  Setting setting;
  std::string model;  ///< reference
  Workload workload;
  std::map<std::string, double> measured;  ///< target -> ms or bytes; only those that were measured
};

/// Facts about a contender other than its speed.
struct ContenderFacts {
  std::string precision;
  std::optional<PrecisionMeaning> meaning;  ///< of the precision; nullopt if unknown
  double bytes_per_weight = 0;              ///< mean over its configurations
  std::string device{};                     ///< such as "cuda:0"; empty: the CPUs

  friend bool operator==(const ContenderFacts&, const ContenderFacts&) = default;
};

/// Training data from run folders.
struct TrainingSet {
  std::vector<Sample> samples;
  std::map<std::string, ContenderFacts> contenders;
  /// One line for each model of unknown shape, and one for points with a shared prefix if there are any: it is unknown
  /// how much of the prefix a backend computes.
  std::vector<std::string> left_out;
};

/// `limits` has one entry per run: the machine's limits (the same pointer for the same machine) or null. They must
/// outlive the samples. The trials of one configuration on one machine form one sample, across runs. Throws Error for
/// runs without an ok trial, and if the limits of a contender's device are known in only some of them.
TrainingSet collect_samples(std::span<const RunData> runs, std::span<const MachineLimits* const> limits);

/// The setting that a sample of this contender has.
Setting setting_of(const std::string& contender, const ContenderFacts& facts, const MachineLimits* limits);

}  // namespace inferbench
