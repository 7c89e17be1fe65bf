// SPDX-License-Identifier: Apache-2.0
#include "results/metric_values.hpp"

#include <string>

#include "support/error.hpp"

namespace inferbench {

namespace {

std::optional<double> time_metric(const TrialMetrics& metrics, std::string_view name) {
  if (name == "ttft_ms") return metrics.ttft_ms;
  if (name == "prefill_tokens_per_s") return metrics.prefill_tokens_per_s;
  if (name == "decode_ms_per_token") return metrics.decode_ms_per_token;
  if (name == "decode_tokens_per_s") return metrics.decode_tokens_per_s;
  if (name == "e2e_ms") return metrics.e2e_ms;
  throw Error("unknown metric '" + std::string(name) + "'");
}

// Prompts and generated tokens of all sequences over the time that they took together: no time counts twice.
std::optional<double> total_tokens_per_s(const TrialRecord& trial) {
  const double seconds = trial.outcome.metrics->e2e_ms / 1e3;
  if (!(seconds > 0)) return std::nullopt;
  const double tokens = static_cast<double>(trial.point.prompt_tokens) + trial.point.generate_tokens;
  return tokens * trial.point.batch / seconds;
}

std::optional<double> number_of(const std::optional<std::uint64_t>& bytes) {
  return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

}  // namespace

std::optional<double> metric_value(const TrialRecord& trial, std::string_view metric) {
  if (!trial.ok() || !trial.outcome.metrics) return std::nullopt;
  if (metric == "load_ms") return trial.load.load_ms;
  if (metric == "weights_bytes") {  // no model holds nothing
    return trial.load.weights_bytes > 0 ? number_of(trial.load.weights_bytes) : std::nullopt;
  }
  if (metric == "kv_bytes") return number_of(trial.outcome.kv_bytes);
  if (metric == "peak_rss_bytes") return number_of(trial.outcome.memory.peak_rss_bytes);
  if (metric == "cpu_s") return trial.outcome.used ? std::optional(trial.outcome.used->cpu_s) : std::nullopt;
  if (metric == "total_tokens_per_s") return total_tokens_per_s(trial);
  return time_metric(*trial.outcome.metrics, metric);
}

std::vector<double> metric_samples(const TrialRecord& trial, std::string_view metric) {
  if (metric == "inter_token_ms") {
    return trial.ok() && trial.outcome.metrics ? trial.outcome.metrics->inter_token_ms : std::vector<double>{};
  }
  const auto value = metric_value(trial, metric);
  return value ? std::vector<double>{*value} : std::vector<double>{};
}

}  // namespace inferbench
