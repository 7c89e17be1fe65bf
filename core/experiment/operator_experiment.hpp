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

/// Whose sizes an experiment takes that names no model.
inline constexpr const char* kDefaultOperatorModel = "synthetic:gpt2";

/// An operator at a shape and a thread count: what the contenders are compared at.
struct OperatorPoint {
  OperatorSpec spec;
  std::int32_t threads = 1;

  friend bool operator==(const OperatorPoint&, const OperatorPoint&) = default;
};

struct OperatorMeasure {
  std::int32_t blocks = 15;
  double sample_ms = 10;              ///< that a sample's runs take together, about
  std::uint64_t seed = 1;             ///< of the order within blocks, and of weights and inputs
  std::int32_t repeat_disturbed = 1;  ///< how often a block is run again in which something disturbed a sample
  OperatorCache cache = OperatorCache::kCold;
  std::vector<int> cpus{};  ///< as MeasureSettings::cpus

  friend bool operator==(const OperatorMeasure&, const OperatorMeasure&) = default;
};

/// A checked experiment of operators (docs/write_an_experiment.md): lists multiplied out, shapes whole.
struct OperatorExperiment {
  std::string name;
  std::filesystem::path folder;  ///< where relative paths of backends start
  std::vector<Contender> contenders;
  std::vector<std::string> left_out;  ///< as Experiment::left_out
  std::string baseline;               ///< a contender's name
  std::vector<OperatorPoint> points;
  OperatorMeasure measure;
  Limits limits;

  friend bool operator==(const OperatorExperiment&, const OperatorExperiment&) = default;
};

/// What the command line says; it goes before what the file says.
struct OperatorFlags {
  std::vector<std::string> backends;
  std::string baseline;
  std::string model;
  std::vector<std::string> tokens;
  std::vector<std::string> ops;
  std::vector<std::string> shapes;  ///< KEY=VALUE,...; of each of `ops`
  std::vector<std::string> threads;
  std::string blocks;
  std::string sample_ms;
  std::string cache;
  std::vector<std::string> set;  ///< KEY=VALUE of the file
};

/// Reads, completes and checks an experiment of operators: the file's keys (none where `path` is empty), then the
/// flags'. Every backend is loaded and asked what it offers, the model opened. Throws Error (exit code 2), one line:
/// "file:line:column: ..." or "--flag value: ...".
OperatorExperiment load_operator_experiment(const std::optional<std::filesystem::path>& path,
                                            const OperatorFlags& flags, const ExperimentLookups& lookups);

}  // namespace inferbench
