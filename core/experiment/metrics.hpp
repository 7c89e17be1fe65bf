// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "measure/outcome.hpp"

namespace inferbench {

// The table of metrics. A new metric is one row in metrics.cpp: experiment files, console, CSV, JSON, the page, check,
// compare and analyze follow the table.

/// Everything that a metric of one trial can be computed from.
struct TrialFacts {
  const Point& point;
  const LoadOutcome& load;
  const TrialOutcome& outcome;  ///< of a successful trial, with metrics or serving
};

enum class MetricScope : std::int32_t {
  kTrial,      ///< measured by each trial
  kContender,  ///< measured by the experiment's `quality`, once per contender and model
};

/// The tables that a metric belongs to.
enum class MetricKind : std::int32_t { kSpeed, kMemory, kEnergy, kOther };

/// The points at which a metric can have a value.
enum class MetricPoints : std::int32_t {
  kAll,
  kBatch,     ///< batches of equal sequences
  kScenario,  ///< scenarios; a run without any does not report the metric
  kSearch,    ///< scenarios that search for the highest rate
};

struct Metric {
  std::string_view name{};
  /// "ms", "tok/s", "req/s", "bytes", "s", "J", "mJ", "W", "nats per token"; empty: a plain number
  std::string_view unit{};
  std::string_view title{};   ///< for headings and axes: "Time to first token"
  std::string_view column{};  ///< for narrow tables, with a human-readable unit: "ttft ms", "peak RSS MiB"
  bool more_is_better = false;
  MetricScope scope = MetricScope::kTrial;
  MetricKind kind = MetricKind::kOther;
  MetricPoints points = MetricPoints::kAll;
  std::int32_t least_tokens = 0;  ///< generated tokens of a point that the metric needs
  bool compared = false;          ///< reports show its paired speed relative to the baseline
  bool headline = false;          ///< one of the speeds that summarize a run; `measure.until` waits for it
  bool regression = false;        ///< `check --against` judges it unless told otherwise
  bool analyzed = false;          ///< `analyze` explains it unless told otherwise
  /// nullopt if the trial does not have the metric, such as decode of one token. Null pointer: see metric_samples, or
  /// quality.
  std::optional<double> (*get)(const TrialFacts& trial) = nullptr;
};

/// All metrics, in report order.
std::span<const Metric> all_metrics();

/// Null if there is no metric of that name.
const Metric* find_metric(std::string_view name);

/// The metrics for which `flag` is set, in report order: metrics_with(&Metric::headline).
std::vector<std::string> metrics_with(bool Metric::*flag);

/// Names of the metrics that each trial measures, in report order.
const std::vector<std::string>& metric_names();

/// Names of the metrics that the experiment's `quality` measures.
const std::vector<std::string>& quality_metric_names();

/// Both: the names that a target may use.
std::vector<std::string> judged_metric_names();

bool is_quality_metric(std::string_view metric);

/// False if the metric has no value at the point, whatever a trial does, such as the decode throughput of one token.
/// True for an unknown metric.
bool is_measured_at(std::string_view metric, const Point& point);

/// True for rates and agreement, false for times, bytes and errors.
bool more_is_better(std::string_view metric);

}  // namespace inferbench
