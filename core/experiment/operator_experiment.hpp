// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "ops/operator_outcome.hpp"

namespace inferbench {

/// The model whose sizes are used if an experiment does not name a model.
inline constexpr const char* kDefaultOperatorModel = "synthetic:gpt2";

/// An operator at a shape and a thread count: one comparison of the contenders.
struct OperatorPoint {
  OperatorSpec spec;
  std::int32_t threads = 1;

  friend bool operator==(const OperatorPoint&, const OperatorPoint&) = default;
};

struct OperatorMeasure {
  std::int32_t blocks = 15;
  double sample_ms = 10;              ///< approximate total time of a sample's runs
  std::uint64_t seed = 1;             ///< for the order within blocks, and for weights and inputs
  std::int32_t repeat_disturbed = 1;  ///< how often a block with a disturbed sample is repeated
  OperatorCache cache = OperatorCache::kCold;
  std::vector<int> cpus{};  ///< as MeasureSettings::cpus

  friend bool operator==(const OperatorMeasure&, const OperatorMeasure&) = default;
};

/// A checked operator experiment (docs/write_an_experiment.md): lists multiplied out, shapes complete.
struct OperatorExperiment {
  std::string name;
  std::filesystem::path folder;  ///< start of the backends' relative paths
  std::vector<Contender> contenders;
  std::vector<std::string> left_out;  ///< as Experiment::left_out
  std::string baseline;               ///< a contender's name
  std::vector<OperatorPoint> points;
  OperatorMeasure measure;
  Limits limits;

  friend bool operator==(const OperatorExperiment&, const OperatorExperiment&) = default;
};

/// Command line flags. They override the file.
struct OperatorFlags {
  std::vector<std::string> backends;
  std::string baseline;
  std::string model;
  std::vector<std::string> tokens;
  std::vector<std::string> ops;
  std::vector<std::string> shapes;  ///< KEY=VALUE,...; applied to each of `ops`
  std::vector<std::string> threads;
  std::string blocks;
  std::string sample_ms;
  std::string cache;
  std::vector<std::string> set;  ///< KEY=VALUE, as in the file
};

/// Reads, completes and checks an operator experiment: first the file's keys (none if `path` is empty), then the
/// flags'. Loads every backend to ask what it offers and opens the model. Throws Error (exit code 2) with one line:
/// "file:line:column: ..." or "--flag value: ...".
OperatorExperiment load_operator_experiment(const std::optional<std::filesystem::path>& path,
                                            const OperatorFlags& flags, const ExperimentLookups& lookups);

}  // namespace inferbench
