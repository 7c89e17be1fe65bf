// SPDX-License-Identifier: Apache-2.0
#include "results/outcome_json.hpp"

#include <nlohmann/json.hpp>

#include "measure/standstill_json.hpp"
#include "results/dom_fields.hpp"
#include "results/optional_json.hpp"
#include "results/outcome_fields.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

namespace {

using OutcomeJson = nlohmann::json;

void put_metrics(OutcomeJson& object, const std::optional<TrialMetrics>& metrics) {
  const bool have = metrics.has_value();
  object["ttft_ms"] = have ? OutcomeJson(metrics->ttft_ms) : OutcomeJson(nullptr);
  object["prefill_tokens_per_s"] = have ? OutcomeJson(metrics->prefill_tokens_per_s) : OutcomeJson(nullptr);
  object["decode_ms_per_token"] = have ? or_null(metrics->decode_ms_per_token) : OutcomeJson(nullptr);
  object["decode_tokens_per_s"] = have ? or_null(metrics->decode_tokens_per_s) : OutcomeJson(nullptr);
  object["e2e_ms"] = have ? OutcomeJson(metrics->e2e_ms) : OutcomeJson(nullptr);
  object["inter_token_ms"] = have ? OutcomeJson(metrics->inter_token_ms) : OutcomeJson::array();
}

// No backend holds nothing at all: 0 is one that does not say.
OutcomeJson known_bytes(std::uint64_t bytes) {
  return bytes > 0 ? OutcomeJson(bytes) : OutcomeJson(nullptr);
}

OutcomeJson profile_json(const std::vector<ProfileEvent>& events) {
  OutcomeJson list = OutcomeJson::array();
  for (const auto& e : events) {
    list.push_back(OutcomeJson::array({e.operation, e.layer, e.thread, e.begin_ns, e.end_ns, e.bytes, e.flops}));
  }
  return list;
}

std::vector<ProfileEvent> profile_from(const OutcomeJson& list) {
  std::vector<ProfileEvent> events;
  events.reserve(list.size());
  for (const auto& e : list) {
    events.push_back({e.at(0).get<std::string>(), integer_of<std::int32_t>(e.at(1)), integer_of<std::int32_t>(e.at(2)),
                      integer_of<std::uint64_t>(e.at(3)), integer_of<std::uint64_t>(e.at(4)),
                      integer_of<std::uint64_t>(e.at(5)), integer_of<std::uint64_t>(e.at(6))});
  }
  return events;
}

}  // namespace

OutcomeJson to_json(const LoadOutcome& outcome) {
  const bool loaded = outcome.status == TrialStatus::kOk;
  OutcomeJson object{{"status", to_string(outcome.status)},
                     {"error", outcome.error},
                     {"stderr_tail", outcome.stderr_tail},
                     {"load_ms", loaded ? OutcomeJson(outcome.load_ms) : OutcomeJson(nullptr)},
                     {"init_ms", loaded ? OutcomeJson(outcome.init_ms) : OutcomeJson(nullptr)},
                     {"generate_ms", or_null(outcome.generate_ms)},
                     {"cache", outcome.cache},
                     {"page_cache_share", or_null(outcome.page_cache_share)},
                     {"weights_bytes", known_bytes(outcome.weights_bytes)},
                     {"decode_weights_bytes", known_bytes(outcome.decode_weights_bytes)},
                     {"rss_before_bytes", or_null(outcome.rss_before_bytes)},
                     {"peak_rss_bytes", or_null(outcome.peak_rss_bytes)},
                     {"peak_rss_file_bytes", or_null(outcome.peak_file_bytes)},
                     {"first_forward_ms", or_null(outcome.first_forward_ms)},
                     {"device", outcome.device},
                     {"kernels", outcome.kernels}};
  put_standstill(object, outcome.standstill);
  return object;
}

LoadOutcome load_outcome_from(const OutcomeJson& object) {
  return load_outcome_of(DomFields(object));
}

OutcomeJson to_json(const TrialOutcome& outcome) {
  const auto& [peak, rss, anonymous, file] = outcome.memory;
  const std::optional<std::uint64_t> peak_anonymous = peak_anonymous_bytes(outcome.memory);
  const auto& used = outcome.used;
  const double spin_ms = outcome.interference.spin_ms;
  OutcomeJson object{
      {"status", to_string(outcome.status)},
      {"error", outcome.error},
      {"stderr_tail", outcome.stderr_tail},
      {"digest", outcome.digest},
      {"logits_checked", outcome.logits_checked},
      {"kv_bytes", or_null(outcome.kv_bytes)},
      {"scratch_bytes", or_null(outcome.scratch_bytes)},
      {"device_bytes", or_null(outcome.device_bytes)},
      {"backend_peak_bytes", or_null(outcome.backend_peak_bytes)},
      {"peak_rss_bytes", or_null(peak)},
      {"peak_rss_anonymous_bytes", or_null(peak_anonymous)},
      {"peak_rss_file_bytes", peak_anonymous ? OutcomeJson(*peak - *peak_anonymous) : OutcomeJson(nullptr)},
      {"peak_rss_unknown", outcome.peak_unknown.empty() ? OutcomeJson(nullptr) : OutcomeJson(outcome.peak_unknown)},
      {"rss_bytes", or_null(rss)},
      {"rss_anonymous_bytes", or_null(anonymous)},
      {"rss_file_bytes", or_null(file)},
      {"cpu_s", used ? OutcomeJson(used->cpu_s) : OutcomeJson(nullptr)},
      {"involuntary_switches", used ? OutcomeJson(used->involuntary_switches) : OutcomeJson(nullptr)},
      {"major_faults", used ? OutcomeJson(used->major_faults) : OutcomeJson(nullptr)},
      {"spin_ms", spin_ms > 0 ? OutcomeJson(spin_ms) : OutcomeJson(nullptr)},
      {"run_delay_ms", or_null(outcome.interference.run_delay_ms)},
      {"steal_ms", or_null(outcome.interference.steal_ms)},
      {"throttled_ms", or_null(outcome.interference.throttled_ms)},
      {"mhz", or_null(outcome.interference.mhz)},
      {"trials_since_load", outcome.trials_since_load}};
  put_metrics(object, outcome.metrics);
  put_standstill(object, outcome.interference.standstill);
  if (!outcome.note.empty()) object["note"] = outcome.note;
  if (!outcome.ids.empty()) object["ids"] = outcome.ids;
  if (!outcome.profile.empty()) {
    object["submit_ns"] = outcome.submit_ns;
    object["profile"] = profile_json(outcome.profile);
    object["profile_dropped"] = outcome.profile_dropped;
  }
  return object;
}

TrialOutcome trial_outcome_from(const OutcomeJson& object) {
  TrialOutcome outcome = trial_outcome_of(DomFields(object));
  if (object.contains("ids")) {
    for (const OutcomeJson& id : object.at("ids")) outcome.ids.push_back(integer_of<std::int32_t>(id));
  }
  if (object.contains("profile")) {
    outcome.submit_ns = integer_of<std::uint64_t>(object.at("submit_ns"));
    outcome.profile = profile_from(object.at("profile"));
    outcome.profile_dropped = integer_of<std::uint64_t>(object.at("profile_dropped"));
  }
  return outcome;
}

}  // namespace inferbench
