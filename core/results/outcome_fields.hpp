// SPDX-License-Identifier: Apache-2.0
// What a row and its outcomes are made of, key by key, for any library that parsed the JSON. Fields is a view of one
// object:
//   std::string text(key), text_or(key, fallback)
//   double number(key), std::optional<double> number_or_none(key)     none: null or missing
//   Integer integer<Integer>(key), integer_or<Integer>(key, fallback)  the latter where it is null or missing
//   std::optional<Integer> integer_or_none<Integer>(key)
//   std::vector<double> numbers(key)
//   bool truth(key), truth_or(key, fallback), has(key)                has: there, and not null
// Each throws an exception of its own where the object is not so.
#pragma once

#include <cstdint>
#include <string>

#include "measure/outcome.hpp"
#include "support/error.hpp"

namespace inferbench {

template <typename Fields>
TrialStatus status_of(const Fields& fields) {
  const std::string text = fields.text("status");
  const auto status = trial_status_from(text);
  if (!status) throw Error("unknown trial status '" + text + "'");
  return *status;
}

/// Earlier versions wrote 0 for sizes of memory that they did not know.
template <typename Fields>
std::optional<std::uint64_t> bytes_or_none(const Fields& fields, const char* key) {
  const auto bytes = fields.template integer_or_none<std::uint64_t>(key);
  return bytes == 0 ? std::nullopt : bytes;
}

template <typename Fields>
Standstill standstill_of(const Fields& fields) {
  Standstill standstill;
  standstill.stalled_ms = fields.number_or_none("stalled_ms");
  standstill.suspended_ms = fields.number_or_none("suspended_ms");
  standstill.traced = fields.truth_or("traced", false);
  standstill.stopped = fields.truth_or("stopped", false);
  return standstill;
}

template <typename Fields>
LoadOutcome load_outcome_of(const Fields& fields) {
  LoadOutcome outcome;
  outcome.status = status_of(fields);
  outcome.error = fields.text("error");
  outcome.stderr_tail = fields.text("stderr_tail");
  outcome.load_ms = fields.number_or_none("load_ms").value_or(0);
  outcome.init_ms = fields.number_or_none("init_ms").value_or(0);
  outcome.generate_ms = fields.number_or_none("generate_ms");
  outcome.cache = fields.text_or("cache", outcome.cache);
  outcome.page_cache_share = fields.number_or_none("page_cache_share");
  outcome.weights_bytes = bytes_or_none(fields, "weights_bytes").value_or(0);
  outcome.decode_weights_bytes = bytes_or_none(fields, "decode_weights_bytes").value_or(0);
  outcome.peak_rss_bytes = bytes_or_none(fields, "peak_rss_bytes");
  outcome.rss_before_bytes = bytes_or_none(fields, "rss_before_bytes");
  outcome.peak_file_bytes = fields.template integer_or_none<std::uint64_t>("peak_rss_file_bytes");
  outcome.standstill = standstill_of(fields);
  outcome.first_forward_ms = fields.number_or_none("first_forward_ms");
  outcome.device = fields.text("device");
  outcome.kernels = fields.text("kernels");
  return outcome;
}

template <typename Fields>
std::optional<TrialMetrics> metrics_of(const Fields& fields) {
  const auto ttft_ms = fields.number_or_none("ttft_ms");
  if (!ttft_ms) return std::nullopt;
  TrialMetrics metrics;
  metrics.ttft_ms = *ttft_ms;
  metrics.prefill_tokens_per_s = fields.number("prefill_tokens_per_s");
  metrics.e2e_ms = fields.number("e2e_ms");
  metrics.decode_ms_per_token = fields.number_or_none("decode_ms_per_token");
  metrics.decode_tokens_per_s = fields.number_or_none("decode_tokens_per_s");
  metrics.inter_token_ms = fields.numbers("inter_token_ms");
  return metrics;
}

/// Without ids and profile.
template <typename Fields>
TrialOutcome trial_outcome_of(const Fields& fields) {
  TrialOutcome outcome;
  outcome.status = status_of(fields);
  outcome.error = fields.text("error");
  outcome.stderr_tail = fields.text("stderr_tail");
  outcome.metrics = metrics_of(fields);
  outcome.note = fields.text_or("note", "");
  outcome.digest = fields.text("digest");
  outcome.kv_bytes = fields.template integer_or_none<std::uint64_t>("kv_bytes");
  outcome.scratch_bytes = fields.template integer_or_none<std::uint64_t>("scratch_bytes");
  outcome.device_bytes = fields.template integer_or_none<std::uint64_t>("device_bytes");
  outcome.backend_peak_bytes = bytes_or_none(fields, "backend_peak_bytes");
  outcome.memory.peak_rss_bytes = bytes_or_none(fields, "peak_rss_bytes");
  outcome.memory.rss_bytes = bytes_or_none(fields, "rss_bytes");
  outcome.memory.anonymous_bytes = fields.template integer_or_none<std::uint64_t>("rss_anonymous_bytes");
  outcome.memory.file_bytes = fields.template integer_or_none<std::uint64_t>("rss_file_bytes");
  outcome.peak_unknown = fields.text_or("peak_rss_unknown", {});
  outcome.logits_checked = fields.truth_or("logits_checked", false);
  if (const auto cpu_s = fields.number_or_none("cpu_s")) {
    outcome.used = ResourceUse{*cpu_s, fields.template integer_or<std::int64_t>("involuntary_switches", 0),
                               fields.template integer_or<std::int64_t>("major_faults", 0)};
  }
  outcome.interference.spin_ms = fields.number_or_none("spin_ms").value_or(0);
  outcome.interference.run_delay_ms = fields.number_or_none("run_delay_ms");
  outcome.interference.steal_ms = fields.number_or_none("steal_ms");
  outcome.interference.throttled_ms = fields.number_or_none("throttled_ms");
  outcome.interference.mhz = fields.number_or_none("mhz");
  outcome.interference.standstill = standstill_of(fields);
  outcome.trials_since_load = fields.template integer<std::int32_t>("trials_since_load");
  return outcome;
}

}  // namespace inferbench
