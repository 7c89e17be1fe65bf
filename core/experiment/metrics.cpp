// SPDX-License-Identifier: Apache-2.0
#include "experiment/metrics.hpp"

#include <algorithm>
#include <array>

#include "serve/scenario.hpp"
#include "stats/summary.hpp"

namespace inferbench {

namespace {

using Value = std::optional<double>;

Value bytes_value(const std::optional<std::uint64_t>& bytes) {
  return bytes ? Value(static_cast<double>(*bytes)) : std::nullopt;
}

// Every model has weights, so 0 means that the backend does not report them. The same holds for 0 bytes on a device:
// the backend runs on the CPU.
Value unless_zero(const std::optional<std::uint64_t>& bytes) {
  return bytes == 0 ? std::nullopt : bytes_value(bytes);
}

// A figure of a batch, or of a scenario; each trial has one of the two.
template <typename OfBatch, typename OfScenario>
Value of_either(const TrialFacts& trial, OfBatch batch_value, OfScenario scenario_value) {
  if (trial.outcome.metrics) return batch_value(*trial.outcome.metrics);
  return trial.outcome.serving ? scenario_value(trial.outcome.serving->metrics) : std::nullopt;
}

template <typename OfBatch>
Value of_batch(const TrialFacts& trial, OfBatch value) {
  return trial.outcome.metrics ? Value(value(*trial.outcome.metrics)) : std::nullopt;
}

template <typename OfScenario>
Value of_scenario(const TrialFacts& trial, OfScenario value) {
  return trial.outcome.serving ? Value(value(trial.outcome.serving->metrics)) : std::nullopt;
}

constexpr double kTail = 0.99;

// Prompt and generated tokens of all sequences, divided by the total time.
Value total_tokens_per_s(const TrialFacts& trial) {
  if (trial.outcome.serving) return trial.outcome.serving->metrics.total_tokens_per_s;
  if (!trial.outcome.metrics) return std::nullopt;
  const double seconds = trial.outcome.metrics->e2e_ms / 1e3;
  if (!(seconds > 0)) return std::nullopt;
  const double tokens = static_cast<double>(trial.point.prompt_tokens) + trial.point.generate_tokens;
  return tokens * trial.point.batch / seconds;
}

// The highest rate of a search that was seen to hold.
Value max_rate(const TrialFacts& trial) {
  if (!trial.outcome.serving || !trial.outcome.serving->max_rate) return std::nullopt;
  return trial.outcome.serving->max_rate->holds;
}

bool is_rate_search(const Point& point) {
  const auto scenario = scenario_from(point.scenario);
  return scenario && scenario->kind == ScenarioKind::kMaxRate;
}

double generated_tokens(const TrialFacts& trial) {
  if (!trial.outcome.serving) return 1.0 * trial.point.generate_tokens * trial.point.batch;
  double tokens = 0;
  for (const RequestOutcome& request : trial.outcome.serving->requests) {
    tokens += static_cast<double>(request.tokens_ns.size());
  }
  return tokens;
}

// Of the entire trial, prefill and waits included, divided by the generated tokens of all sequences.
Value mj_per_token(const TrialFacts& trial) {
  if (trial.outcome.serving && trial.outcome.serving->max_rate) return std::nullopt;  // the tokens of one run of many
  const double tokens = generated_tokens(trial);
  if (!trial.outcome.energy_j || !(tokens > 0)) return std::nullopt;
  return 1e3 * *trial.outcome.energy_j / tokens;
}

constexpr bool kYes = true;
constexpr auto kContender = MetricScope::kContender;
constexpr auto kSpeed = MetricKind::kSpeed;
constexpr auto kMemory = MetricKind::kMemory;
constexpr auto kEnergy = MetricKind::kEnergy;
constexpr auto kBatch = MetricPoints::kBatch;
constexpr auto kScenario = MetricPoints::kScenario;
constexpr auto kSearch = MetricPoints::kSearch;

constexpr std::array kMetricTable{
    Metric{.name = "load_ms",
           .unit = "ms",
           .title = "Time to load the model",
           .column = "load ms",
           .get =
               [](const TrialFacts& trial) {
                 const bool server = trial.outcome.serving && trial.outcome.serving->endpoint;
                 return server ? std::nullopt : Value(trial.load.load_ms);
               }},
    Metric{.name = "ttft_ms",
           .unit = "ms",
           .title = "Time to first token",
           .column = "ttft ms",
           .kind = kSpeed,
           .compared = kYes,
           .regression = kYes,
           .analyzed = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_either(
                     trial, [](const TrialMetrics& batch) { return Value(batch.ttft_ms); },
                     [](const LoadMetrics& load) { return median(load.ttft_ms); });
               }},
    Metric{.name = "prefill_tokens_per_s",
           .unit = "tok/s",
           .title = "Prefill throughput",
           .column = "prefill tok/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .points = kBatch,
           .compared = kYes,
           .headline = kYes,
           .analyzed = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_batch(trial, [](const TrialMetrics& batch) { return Value(batch.prefill_tokens_per_s); });
               }},
    Metric{.name = "decode_ms_per_token",
           .unit = "ms",
           .title = "Decode time per token",
           .column = "decode ms/tok",
           .kind = kSpeed,
           .least_tokens = 2,
           .compared = kYes,
           .analyzed = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_either(
                     trial, [](const TrialMetrics& batch) { return batch.decode_ms_per_token; },
                     [](const LoadMetrics& load) { return median(load.tpot_ms); });
               }},
    Metric{.name = "decode_tokens_per_s",
           .unit = "tok/s",
           .title = "Decode throughput",
           .column = "decode tok/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .points = kBatch,
           .least_tokens = 2,
           .compared = kYes,
           .headline = kYes,
           .regression = kYes,
           .analyzed = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_batch(trial, [](const TrialMetrics& batch) { return batch.decode_tokens_per_s; });
               }},
    Metric{.name = "e2e_ms",
           .unit = "ms",
           .title = "End-to-end time",
           .column = "e2e ms",
           .kind = kSpeed,
           .compared = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_either(
                     trial, [](const TrialMetrics& batch) { return Value(batch.e2e_ms); },
                     [](const LoadMetrics& load) { return median(load.e2e_ms); });
               }},
    Metric{.name = "total_tokens_per_s",
           .unit = "tok/s",
           .title = "Total throughput",
           .column = "total tok/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .compared = kYes,
           .get = total_tokens_per_s},
    // One value per gap between two tokens: see metric_samples.
    Metric{.name = "inter_token_ms",
           .unit = "ms",
           .title = "Inter-token latency",
           .column = "gap ms",
           .kind = kSpeed,
           .least_tokens = 2},
    Metric{.name = "queue_wait_ms",
           .unit = "ms",
           .title = "Wait for a slot",
           .column = "queue ms",
           .kind = kSpeed,
           .points = kScenario,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return median(load.queue_wait_ms); });
               }},
    Metric{.name = "output_tokens_per_s",
           .unit = "tok/s",
           .title = "Output throughput",
           .column = "output tok/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .points = kScenario,
           .compared = kYes,
           .regression = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return Value(load.output_tokens_per_s); });
               }},
    Metric{.name = "requests_per_s",
           .unit = "req/s",
           .title = "Request throughput",
           .column = "req/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .points = kScenario,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return Value(load.requests_per_s); });
               }},
    Metric{.name = "goodput_per_s",
           .unit = "req/s",
           .title = "Requests within the objective",
           .column = "goodput req/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .points = kScenario,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return load.goodput_per_s; });
               }},
    Metric{.name = "success_rate",
           .title = "Success rate",
           .column = "success",
           .more_is_better = kYes,
           .points = kScenario,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return Value(load.success_rate); });
               }},
    Metric{.name = "max_rate_per_s",
           .unit = "req/s",
           .title = "Highest rate that holds the objective",
           .column = "max req/s",
           .more_is_better = kYes,
           .kind = kSpeed,
           .points = kSearch,
           .compared = kYes,
           .regression = kYes,
           .get = max_rate},
    Metric{.name = "ttft_p99_ms",
           .unit = "ms",
           .title = "Time to first token, 99th percentile",
           .column = "ttft p99 ms",
           .kind = kSpeed,
           .points = kScenario,
           .compared = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return percentile(load.ttft_ms, kTail); });
               }},
    Metric{.name = "tpot_p99_ms",
           .unit = "ms",
           .title = "Time per output token, 99th percentile",
           .column = "tpot p99 ms",
           .kind = kSpeed,
           .points = kScenario,
           .compared = kYes,
           .get =
               [](const TrialFacts& trial) {
                 return of_scenario(trial, [](const LoadMetrics& load) { return percentile(load.tpot_ms, kTail); });
               }},
    Metric{.name = "weights_bytes",
           .unit = "bytes",
           .title = "Weights",
           .column = "weights MiB",
           .kind = kMemory,
           .get = [](const TrialFacts& trial) { return unless_zero(trial.load.weights_bytes); }},
    Metric{.name = "kv_bytes",
           .unit = "bytes",
           .title = "KV cache",
           .column = "KV MiB",
           .kind = kMemory,
           .get = [](const TrialFacts& trial) { return bytes_value(trial.outcome.kv_bytes); }},
    Metric{.name = "peak_rss_bytes",
           .unit = "bytes",
           .title = "Peak memory",
           .column = "peak RSS MiB",
           .kind = kMemory,
           .regression = kYes,
           .analyzed = kYes,
           .get = [](const TrialFacts& trial) { return bytes_value(trial.outcome.memory.peak_rss_bytes); }},
    Metric{.name = "device_bytes",
           .unit = "bytes",
           .title = "Device memory",
           .column = "device MiB",
           .kind = kMemory,
           .get = [](const TrialFacts& trial) { return unless_zero(trial.outcome.device_bytes); }},
    Metric{.name = "device_peak_bytes",
           .unit = "bytes",
           .title = "Peak device memory",
           .column = "dev peak MiB",
           .kind = kMemory,
           .get =
               [](const TrialFacts& trial) {
                 return trial.outcome.device_use ? bytes_value(trial.outcome.device_use->peak_bytes) : Value();
               }},
    Metric{
        .name = "cpu_s",
        .unit = "s",
        .title = "CPU time",
        .column = "cpu s",
        .get = [](const TrialFacts& trial) { return trial.outcome.used ? Value(trial.outcome.used->cpu_s) : Value(); }},
    Metric{.name = "energy_j",
           .unit = "J",
           .title = "Energy",
           .column = "energy J",
           .kind = kEnergy,
           .get = [](const TrialFacts& trial) { return trial.outcome.energy_j; }},
    Metric{.name = "mj_per_token",
           .unit = "mJ",
           .title = "Energy per generated token",
           .column = "mJ/token",
           .kind = kEnergy,
           .get = mj_per_token},
    Metric{.name = "mean_power_w",
           .unit = "W",
           .title = "Mean power",
           .column = "power W",
           .kind = kEnergy,
           .get = [](const TrialFacts& trial) { return trial.outcome.mean_power_w; }},
    Metric{.name = "kl", .unit = "nats per token", .title = "KL divergence", .column = "KL", .scope = kContender},
    Metric{.name = "top1_agreement",
           .title = "Top-1 agreement",
           .column = "top-1",
           .more_is_better = kYes,
           .scope = kContender},
    Metric{.name = "top5_agreement",
           .title = "Top-5 agreement",
           .column = "top-5",
           .more_is_better = kYes,
           .scope = kContender},
    Metric{.name = "perplexity", .title = "Perplexity", .column = "perplexity", .scope = kContender},
};

std::vector<std::string> names_in(MetricScope scope) {
  std::vector<std::string> names;
  for (const Metric& metric : kMetricTable) {
    if (metric.scope == scope) names.emplace_back(metric.name);
  }
  return names;
}

}  // namespace

std::span<const Metric> all_metrics() {
  return kMetricTable;
}

const Metric* find_metric(std::string_view name) {
  const auto* const found =
      std::find_if(kMetricTable.begin(), kMetricTable.end(), [&](const Metric& metric) { return metric.name == name; });
  return found == kMetricTable.end() ? nullptr : found;
}

std::vector<std::string> metrics_with(bool Metric::*flag) {
  std::vector<std::string> names;
  for (const Metric& metric : kMetricTable) {
    if (metric.*flag) names.emplace_back(metric.name);
  }
  return names;
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> kNames = names_in(MetricScope::kTrial);
  return kNames;
}

const std::vector<std::string>& quality_metric_names() {
  static const std::vector<std::string> kNames = names_in(MetricScope::kContender);
  return kNames;
}

std::vector<std::string> judged_metric_names() {
  std::vector<std::string> names = metric_names();
  names.insert(names.end(), quality_metric_names().begin(), quality_metric_names().end());
  return names;
}

bool is_quality_metric(std::string_view metric) {
  const Metric* const found = find_metric(metric);
  return found != nullptr && found->scope == MetricScope::kContender;
}

bool is_measured_at(std::string_view metric, const Point& point) {
  const Metric* const found = find_metric(metric);
  if (found == nullptr) return true;
  if (point.generate_tokens < found->least_tokens) return false;
  switch (found->points) {
    case MetricPoints::kBatch:
      return point.scenario.empty();
    case MetricPoints::kScenario:
      return !point.scenario.empty();
    case MetricPoints::kSearch:
      return is_rate_search(point);
    case MetricPoints::kAll:
      break;
  }
  return true;
}

bool more_is_better(std::string_view metric) {
  const Metric* const found = find_metric(metric);
  return found != nullptr && found->more_is_better;
}

}  // namespace inferbench
