// SPDX-License-Identifier: Apache-2.0
#include "results/outcome_json.hpp"

#include <nlohmann/json.hpp>

#include "results/optional_json.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

TrialStatus status_from(const Json& object) {
  const auto text = object.at("status").get<std::string>();
  const auto status = trial_status_from(text);
  if (!status) throw Error("unknown trial status '" + text + "'");
  return *status;
}

void put_metrics(Json& object, const std::optional<TrialMetrics>& metrics) {
  const bool have = metrics.has_value();
  object["ttft_ms"] = have ? Json(metrics->ttft_ms) : Json(nullptr);
  object["prefill_tokens_per_s"] = have ? Json(metrics->prefill_tokens_per_s) : Json(nullptr);
  object["decode_ms_per_token"] = have ? or_null(metrics->decode_ms_per_token) : Json(nullptr);
  object["decode_tokens_per_s"] = have ? or_null(metrics->decode_tokens_per_s) : Json(nullptr);
  object["e2e_ms"] = have ? Json(metrics->e2e_ms) : Json(nullptr);
  object["inter_token_ms"] = have ? Json(metrics->inter_token_ms) : Json::array();
}

std::optional<TrialMetrics> metrics_from(const Json& object) {
  if (object.at("ttft_ms").is_null()) return std::nullopt;
  TrialMetrics metrics;
  metrics.ttft_ms = object.at("ttft_ms").get<double>();
  metrics.prefill_tokens_per_s = object.at("prefill_tokens_per_s").get<double>();
  metrics.e2e_ms = object.at("e2e_ms").get<double>();
  metrics.decode_ms_per_token = number_or_none(object, "decode_ms_per_token");
  metrics.decode_tokens_per_s = number_or_none(object, "decode_tokens_per_s");
  metrics.inter_token_ms = object.at("inter_token_ms").get<std::vector<double>>();
  return metrics;
}

Json profile_json(const std::vector<ProfileEvent>& events) {
  Json list = Json::array();
  for (const auto& e : events) {
    list.push_back(Json::array({e.operation, e.layer, e.thread, e.begin_ns, e.end_ns, e.bytes, e.flops}));
  }
  return list;
}

std::vector<ProfileEvent> profile_from(const Json& list) {
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

Json to_json(const LoadOutcome& outcome) {
  return Json{{"status", to_string(outcome.status)},
              {"error", outcome.error},
              {"stderr_tail", outcome.stderr_tail},
              {"load_ms", outcome.load_ms},
              {"init_ms", outcome.init_ms},
              {"generate_ms", or_null(outcome.generate_ms)},
              {"cache", outcome.cache},
              {"page_cache_share", or_null(outcome.page_cache_share)},
              {"weights_bytes", outcome.weights_bytes},
              {"decode_weights_bytes", outcome.decode_weights_bytes},
              {"rss_before_bytes", outcome.rss_before_bytes},
              {"peak_rss_bytes", outcome.peak_rss_bytes},
              {"peak_rss_file_bytes", outcome.peak_file_bytes},
              {"first_forward_ms", or_null(outcome.first_forward_ms)},
              {"device", outcome.device},
              {"kernels", outcome.kernels}};
}

LoadOutcome load_outcome_from(const Json& object) {
  LoadOutcome outcome;
  outcome.status = status_from(object);
  outcome.error = object.at("error").get<std::string>();
  outcome.stderr_tail = object.at("stderr_tail").get<std::string>();
  outcome.load_ms = object.at("load_ms").get<double>();
  outcome.init_ms = object.at("init_ms").get<double>();
  outcome.generate_ms = number_or_none(object, "generate_ms");
  outcome.cache = object.value("cache", outcome.cache);
  outcome.page_cache_share = number_or_none(object, "page_cache_share");
  outcome.weights_bytes = integer_of<std::uint64_t>(object.at("weights_bytes"));
  outcome.decode_weights_bytes = integer_of<std::uint64_t>(object.at("decode_weights_bytes"));
  outcome.peak_rss_bytes = integer_of<std::uint64_t>(object.at("peak_rss_bytes"));
  outcome.rss_before_bytes = integer_or<std::uint64_t>(object, "rss_before_bytes", 0);
  outcome.peak_file_bytes = integer_or<std::uint64_t>(object, "peak_rss_file_bytes", 0);
  outcome.first_forward_ms = number_or_none(object, "first_forward_ms");
  outcome.device = object.at("device").get<std::string>();
  outcome.kernels = object.at("kernels").get<std::string>();
  return outcome;
}

Json to_json(const TrialOutcome& outcome) {
  Json object{{"status", to_string(outcome.status)},
              {"error", outcome.error},
              {"stderr_tail", outcome.stderr_tail},
              {"digest", outcome.digest},
              {"kv_bytes", outcome.kv_bytes},
              {"scratch_bytes", outcome.scratch_bytes},
              {"device_bytes", outcome.device_bytes},
              {"backend_peak_bytes", outcome.backend_peak_bytes},
              {"peak_rss_bytes", outcome.memory.peak_rss_bytes},
              {"peak_rss_anonymous_bytes", peak_anonymous_bytes(outcome.memory)},
              {"peak_rss_file_bytes", outcome.memory.peak_rss_bytes - peak_anonymous_bytes(outcome.memory)},
              {"rss_bytes", outcome.memory.rss_bytes},
              {"rss_anonymous_bytes", outcome.memory.anonymous_bytes},
              {"rss_file_bytes", outcome.memory.file_bytes},
              {"cpu_s", outcome.used.cpu_s},
              {"involuntary_switches", outcome.used.involuntary_switches},
              {"major_faults", outcome.used.major_faults},
              {"spin_ms", outcome.interference.spin_ms},
              {"run_delay_ms", or_null(outcome.interference.run_delay_ms)},
              {"steal_ms", or_null(outcome.interference.steal_ms)},
              {"mhz", or_null(outcome.interference.mhz)},
              {"trials_since_load", outcome.trials_since_load}};
  put_metrics(object, outcome.metrics);
  if (!outcome.ids.empty()) object["ids"] = outcome.ids;
  if (!outcome.profile.empty()) {
    object["submit_ns"] = outcome.submit_ns;
    object["profile"] = profile_json(outcome.profile);
    object["profile_dropped"] = outcome.profile_dropped;
  }
  return object;
}

TrialOutcome trial_outcome_from(const Json& object) {
  TrialOutcome outcome;
  outcome.status = status_from(object);
  outcome.error = object.at("error").get<std::string>();
  outcome.stderr_tail = object.at("stderr_tail").get<std::string>();
  outcome.metrics = metrics_from(object);
  outcome.digest = object.at("digest").get<std::string>();
  outcome.kv_bytes = integer_of<std::uint64_t>(object.at("kv_bytes"));
  outcome.scratch_bytes = integer_of<std::uint64_t>(object.at("scratch_bytes"));
  outcome.device_bytes = integer_of<std::uint64_t>(object.at("device_bytes"));
  outcome.backend_peak_bytes = integer_of<std::uint64_t>(object.at("backend_peak_bytes"));
  outcome.memory.peak_rss_bytes = integer_of<std::uint64_t>(object.at("peak_rss_bytes"));
  outcome.memory.rss_bytes = integer_of<std::uint64_t>(object.at("rss_bytes"));
  outcome.memory.anonymous_bytes = integer_of<std::uint64_t>(object.at("rss_anonymous_bytes"));
  outcome.memory.file_bytes = integer_of<std::uint64_t>(object.at("rss_file_bytes"));
  outcome.used.cpu_s = object.at("cpu_s").get<double>();
  outcome.used.involuntary_switches = integer_of<std::int64_t>(object.at("involuntary_switches"));
  outcome.used.major_faults = integer_of<std::int64_t>(object.at("major_faults"));
  outcome.interference.spin_ms = object.value("spin_ms", 0.0);
  outcome.interference.run_delay_ms = number_or_none(object, "run_delay_ms");
  outcome.interference.steal_ms = number_or_none(object, "steal_ms");
  outcome.interference.mhz = number_or_none(object, "mhz");
  outcome.trials_since_load = integer_of<std::int32_t>(object.at("trials_since_load"));
  if (object.contains("ids")) {
    for (const Json& id : object.at("ids")) outcome.ids.push_back(integer_of<std::int32_t>(id));
  }
  if (object.contains("profile")) {
    outcome.submit_ns = integer_of<std::uint64_t>(object.at("submit_ns"));
    outcome.profile = profile_from(object.at("profile"));
    outcome.profile_dropped = integer_of<std::uint64_t>(object.at("profile_dropped"));
  }
  return outcome;
}

}  // namespace inferbench
