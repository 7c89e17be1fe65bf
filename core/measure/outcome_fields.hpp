// SPDX-License-Identifier: Apache-2.0
// The JSON fields of outcomes, each listed once: see support/field_list.hpp.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "measure/outcome.hpp"
#include "support/dom_fields.hpp"
#include "support/field_list.hpp"

namespace inferbench {

template <typename Archive, typename Value>
void walk_ending(Archive& archive, Value& ending) {
  archive.named(
      "status", ending.status, [](TrialStatus status) { return to_string(status); }, trial_status_from);
  archive.text("error", ending.error);
  archive.text("stderr_tail", ending.stderr_tail);
}

template <typename Archive, typename Value>
void walk_standstill(Archive& archive, Value& standstill) {
  archive.number("stalled_ms", standstill.stalled_ms);
  archive.number("suspended_ms", standstill.suspended_ms);
  archive.truth("traced", standstill.traced);
  archive.truth("stopped", standstill.stopped);
}

template <typename Archive, typename Value>
void walk_interference(Archive& archive, Value& seen) {
  archive.number_if(seen.spin_ms > 0, "spin_ms", seen.spin_ms);
  archive.number("run_delay_ms", seen.run_delay_ms);
  archive.number("steal_ms", seen.steal_ms);
  archive.number("throttled_ms", seen.throttled_ms);
  archive.number("mhz", seen.mhz);
  walk_standstill(archive, seen.standstill);
}

template <typename Archive, typename Value>
void walk_resources(Archive& archive, Value& used) {
  archive.number("cpu_s", used.cpu_s);
  archive.later_integer("involuntary_switches", used.involuntary_switches);
  archive.later_integer("major_faults", used.major_faults);
}

template <typename Archive, typename Value>
void walk_load_outcome(Archive& archive, Value& load) {
  walk_ending(archive, load);
  archive.number_if(load.ok(), "load_ms", load.load_ms);
  archive.number_if(load.ok(), "init_ms", load.init_ms);
  archive.number("generate_ms", load.generate_ms);
  archive.later_text("cache", load.cache);
  archive.number("page_cache_share", load.page_cache_share);
  archive.bytes("weights_bytes", load.weights_bytes);
  archive.bytes("decode_weights_bytes", load.decode_weights_bytes);
  archive.bytes("rss_before_bytes", load.rss_before_bytes);
  archive.bytes("peak_rss_bytes", load.peak_rss_bytes);
  archive.integer("peak_rss_file_bytes", load.peak_file_bytes);
  archive.number("first_forward_ms", load.first_forward_ms);
  archive.text("device", load.device);
  archive.text("kernels", load.kernels);
  walk_standstill(archive, load.standstill);
}

template <typename Archive, typename Value>
void walk_metrics(Archive& archive, Value& metrics) {
  archive.number("ttft_ms", metrics.ttft_ms);
  archive.number("prefill_tokens_per_s", metrics.prefill_tokens_per_s);
  archive.number("decode_ms_per_token", metrics.decode_ms_per_token);
  archive.number("decode_tokens_per_s", metrics.decode_tokens_per_s);
  archive.number("e2e_ms", metrics.e2e_ms);
  archive.numbers("inter_token_ms", metrics.inter_token_ms);
}

template <typename Archive, typename Value>
void walk_memory(Archive& archive, Value& memory) {
  archive.bytes("peak_rss_bytes", memory.peak_rss_bytes);
  archive.bytes("rss_bytes", memory.rss_bytes);
  archive.integer("rss_anonymous_bytes", memory.anonymous_bytes);
  archive.integer("rss_file_bytes", memory.file_bytes);
  const std::optional<std::uint64_t> peak_anonymous = peak_anonymous_bytes(memory);
  archive.derived("peak_rss_anonymous_bytes", peak_anonymous);
  archive.derived("peak_rss_file_bytes",
                  peak_anonymous ? std::optional(*memory.peak_rss_bytes - *peak_anonymous) : std::nullopt);
}

template <typename Archive, typename Value>
void walk_device_use(Archive& archive, Value& use) {
  archive.integer("device_samples", use.samples);
  archive.integer("device_peak_bytes", use.peak_bytes);
  archive.number("device_clock_mhz", use.clock_mhz);
  archive.number("device_temperature_c", use.temperature_c);
  archive.text("device_slowed_by", use.slowed_by);
  archive.truth("device_overheated", use.overheated);
  archive.number("device_other_use_percent", use.other_use_percent);
}

/// Leaves out ids and profile, which few outcomes have.
template <typename Archive, typename Value>
void walk_trial_outcome(Archive& archive, Value& outcome) {
  walk_ending(archive, outcome);
  archive.text_if_any("note", outcome.note);
  archive.group("ttft_ms", outcome.metrics, [](auto& inner, auto& metrics) { walk_metrics(inner, metrics); });
  archive.text("digest", outcome.digest);
  archive.truth("logits_checked", outcome.logits_checked);
  archive.integer("kv_bytes", outcome.kv_bytes);
  archive.integer("scratch_bytes", outcome.scratch_bytes);
  archive.integer("device_bytes", outcome.device_bytes);
  archive.bytes("backend_peak_bytes", outcome.backend_peak_bytes);
  walk_memory(archive, outcome.memory);
  archive.text_or_null("peak_rss_unknown", outcome.peak_unknown);
  archive.group("cpu_s", outcome.used, [](auto& inner, auto& used) { walk_resources(inner, used); });
  archive.number("energy_j", outcome.energy_j);
  archive.number("mean_power_w", outcome.mean_power_w);
  archive.text_or_null("energy_unknown", outcome.energy_unknown);
  archive.later_group("device_samples", outcome.device_use,
                      [](auto& inner, auto& use) { walk_device_use(inner, use); });
  walk_interference(archive, outcome.interference);
  archive.integer("trials_since_load", outcome.trials_since_load);
}

/// A JSON object with the fields of an outcome's Ending.
inline nlohmann::json ending_json(const Ending& ending) {
  nlohmann::json object = nlohmann::json::object();
  FieldWriter writer(object);
  walk_ending(writer, ending);
  return object;
}

/// The inverse of ending_json. Throws nlohmann's exceptions; Error for an unknown status.
inline void read_ending(const nlohmann::json& object, Ending& ending) {
  const DomFields fields(object);
  FieldReader reader(fields);
  walk_ending(reader, ending);
}

}  // namespace inferbench
