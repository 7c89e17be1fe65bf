// SPDX-License-Identifier: Apache-2.0
#include "results/serving_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "stats/summary.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

namespace {

using ServingJson = nlohmann::json;

// A column: one value of each request.
template <typename Value>
ServingJson column(const std::vector<RequestOutcome>& requests, Value value) {
  ServingJson values = ServingJson::array();
  for (const RequestOutcome& request : requests) values.push_back(value(request));
  return values;
}

ServingJson requests_json(const std::vector<RequestOutcome>& requests) {
  const std::uint64_t start = requests.empty() ? 0 : requests.front().arrival_ns;
  const auto column_of = [&](std::uint64_t RequestOutcome::*field) {
    return column(requests, [&](const RequestOutcome& request) { return request.*field - start; });
  };
  ServingJson object = ServingJson::object();
  object["arrival_ns"] = column_of(&RequestOutcome::arrival_ns);
  object["submit_ns"] = column_of(&RequestOutcome::submit_ns);
  object["admitted_ns"] = column(requests, [&](const RequestOutcome& request) {
    return request.slot < 0 ? ServingJson(nullptr) : ServingJson(request.admitted_ns - start);
  });
  object["token_ns"] = column(requests, [&](const RequestOutcome& request) {
    std::vector<std::uint64_t> times = request.tokens_ns;
    for (std::uint64_t& one : times) one -= start;
    return times;
  });
  object["end_ns"] = column_of(&RequestOutcome::end_ns);
  object["prompt_tokens"] = column(requests, [](const RequestOutcome& request) { return request.prompt_tokens; });
  object["wanted_tokens"] = column(requests, [](const RequestOutcome& request) { return request.wanted_tokens; });
  object["slot"] = column(requests, [](const RequestOutcome& request) { return request.slot; });
  object["finish"] = column(requests, [](const RequestOutcome& request) { return to_string(request.reason); });
  object["error"] = column(requests, [](const RequestOutcome& request) { return request.error; });
  return object;
}

RequestOutcome request_from(const ServingJson& columns, std::size_t i) {
  RequestOutcome request;
  request.id = i;
  request.arrival_ns = integer_of<std::uint64_t>(columns.at("arrival_ns").at(i));
  request.submit_ns = integer_of<std::uint64_t>(columns.at("submit_ns").at(i));
  const ServingJson& admitted = columns.at("admitted_ns").at(i);
  if (!admitted.is_null()) request.admitted_ns = integer_of<std::uint64_t>(admitted);
  for (const ServingJson& time : columns.at("token_ns").at(i)) {
    request.tokens_ns.push_back(integer_of<std::uint64_t>(time));
  }
  request.end_ns = integer_of<std::uint64_t>(columns.at("end_ns").at(i));
  request.prompt_tokens = integer_of<std::int32_t>(columns.at("prompt_tokens").at(i));
  request.wanted_tokens = integer_of<std::int32_t>(columns.at("wanted_tokens").at(i));
  request.slot = integer_of<std::int32_t>(columns.at("slot").at(i));
  const auto reason = finish_reason_from(columns.at("finish").at(i).get<std::string>());
  if (!reason) throw Error("unknown finish of a request");
  request.reason = *reason;
  request.error = columns.at("error").at(i).get<std::string>();
  return request;
}

// derive_load_metrics relies on these.
void check_times(const RequestOutcome& request) {
  const std::uint64_t begun = request.slot < 0 ? request.submit_ns : request.admitted_ns;
  const bool ordered =
      std::is_sorted(request.tokens_ns.begin(), request.tokens_ns.end()) &&
      (request.tokens_ns.empty() || (begun >= request.arrival_ns && request.tokens_ns.front() >= begun &&
                                     request.end_ns >= request.tokens_ns.back()));
  const bool after_arrival = request.submit_ns >= request.arrival_ns && request.end_ns >= request.arrival_ns &&
                             (request.slot < 0 || request.admitted_ns >= request.arrival_ns);
  if (!ordered || !after_arrival || (request.ok() && request.tokens_ns.empty())) {
    throw Error("the times of a request are not in order");
  }
}

void add_figures(ServingJson& object, const LoadMetrics& metrics) {
  object["ok_requests"] = metrics.ok;
  object["ramp_up_requests"] = metrics.ramp_up;
  object["window_s"] = metrics.window_s;
  object["makespan_s"] = metrics.makespan_s;
  object["output_tokens_per_s"] = metrics.output_tokens_per_s;
  object["total_tokens_per_s"] = metrics.total_tokens_per_s;
  object["requests_per_s"] = metrics.requests_per_s;
  object["success_rate"] = metrics.success_rate;
  object["goodput_per_s"] = metrics.goodput_per_s ? ServingJson(*metrics.goodput_per_s) : ServingJson(nullptr);
}

ServingJson max_rate_json(const MaxRate& answer) {
  const auto known = [](const std::optional<double>& rate) { return rate ? ServingJson(*rate) : ServingJson(nullptr); };
  ServingJson probes = ServingJson::array();
  for (const RateProbe& probe : answer.probes) {
    probes.push_back({{"rate", probe.rate}, {"holds", probe.holds}, {"missed", probe.missed}});
  }
  return {{"percentile", answer.percentile},
          {"offline_rate", answer.offline_rate},
          {"holds", known(answer.holds)},
          {"fails", known(answer.fails)},
          {"runs", std::move(probes)}};
}

MaxRate max_rate_from(const ServingJson& object) {
  const auto known = [&](const char* key) {
    const ServingJson& rate = object.at(key);
    return rate.is_null() ? std::nullopt : std::optional(rate.get<double>());
  };
  MaxRate answer;
  answer.percentile = object.at("percentile").get<double>();
  answer.offline_rate = object.at("offline_rate").get<double>();
  answer.holds = known("holds");
  answer.fails = known("fails");
  for (const ServingJson& probe : object.at("runs")) {
    answer.probes.push_back(
        {probe.at("rate").get<double>(), probe.at("holds").get<bool>(), integer_of<std::int32_t>(probe.at("missed"))});
  }
  // Metrics are compared by their logarithms.
  if ((answer.holds && !(*answer.holds > 0)) || (answer.holds && answer.fails && *answer.fails < *answer.holds)) {
    throw Error("the rates of a search are not in order");
  }
  return answer;
}

ServingJson totals_json(const ServingTotals& totals) {
  return {{"steps", totals.steps},
          {"forward_s", totals.forward_s},
          {"scheduler_s", totals.scheduler_s},
          {"delivery_s", totals.delivery_s},
          {"idle_s", totals.idle_s},
          {"latest_ms", totals.latest_ms},
          {"sequences", totals.sequences},
          {"prefill_tokens", totals.prefill_tokens},
          {"decode_tokens", totals.decode_tokens}};
}

ServingTotals totals_from(const ServingJson& object) {
  ServingTotals totals;
  totals.steps = integer_of<std::uint64_t>(object.at("steps"));
  totals.forward_s = object.at("forward_s").get<double>();
  totals.scheduler_s = object.at("scheduler_s").get<double>();
  totals.delivery_s = object.at("delivery_s").get<double>();
  totals.idle_s = object.at("idle_s").get<double>();
  totals.latest_ms = object.at("latest_ms").get<double>();
  totals.sequences = object.at("sequences").get<double>();
  totals.prefill_tokens = object.at("prefill_tokens").get<double>();
  totals.decode_tokens = object.at("decode_tokens").get<double>();
  return totals;
}

ServingJson endpoint_json(const EndpointFacts& facts) {
  return {{"prompts", facts.prompt_ids ? "ids" : "text"},
          {"answers", facts.whole ? "whole" : "stream"},
          {"prompt_offset", facts.prompt_offset},
          {"tokens_counted_by", facts.counted_by},
          {"client_lag_ms", facts.lag_ms},
          {"send_lag_ms", facts.send_lag_ms}};
}

EndpointFacts endpoint_from(const ServingJson& object, const ServingJson& columns, std::size_t n) {
  EndpointFacts facts;
  facts.prompt_ids = object.at("prompts").get<std::string>() == "ids";
  facts.whole = object.at("answers").get<std::string>() == "whole";
  facts.prompt_offset = integer_of<std::int32_t>(object.at("prompt_offset"));
  facts.counted_by = object.at("tokens_counted_by").get<std::map<std::string, std::int64_t>>();
  facts.lag_ms = object.at("client_lag_ms").get<double>();
  facts.send_lag_ms = object.at("send_lag_ms").get<double>();
  facts.statuses = columns.at("status").get<std::vector<std::string>>();
  if (facts.statuses.size() != n) throw Error("a request of a server has no status");
  return facts;
}

}  // namespace

ServingJson to_json(const ServingOutcome& outcome) {
  ServingJson object = ServingJson::object();
  object["kind"] = to_string(outcome.kind);
  object["objective"] = {{"ttft_ms", outcome.objective.ttft_ms}, {"tpot_ms", outcome.objective.tpot_ms}};
  add_figures(object, outcome.metrics);
  if (outcome.max_rate) object["max_rate"] = max_rate_json(*outcome.max_rate);
  if (outcome.wall_s > 0) object["wall_s"] = outcome.wall_s;
  object["totals"] = totals_json(outcome.totals);
  object["requests"] = requests_json(outcome.requests);
  if (outcome.endpoint) {
    object["endpoint"] = endpoint_json(*outcome.endpoint);
    object["requests"]["status"] = outcome.endpoint->statuses;
  }
  return object;
}

ServingOutcome serving_outcome_from(const ServingJson& object) {
  ServingOutcome outcome;
  const auto kind = scenario_kind_from(object.at("kind").get<std::string>());
  if (!kind) throw Error("unknown kind of scenario");
  outcome.kind = *kind;
  outcome.objective.ttft_ms = object.at("objective").at("ttft_ms").get<double>();
  outcome.objective.tpot_ms = object.at("objective").at("tpot_ms").get<double>();
  if (object.contains("max_rate")) outcome.max_rate = max_rate_from(object.at("max_rate"));
  outcome.wall_s = object.value("wall_s", 0.0);
  outcome.totals = totals_from(object.at("totals"));
  const ServingJson& columns = object.at("requests");
  const std::size_t n = columns.at("arrival_ns").size();
  if (n == 0) throw Error("a scenario has no requests");
  for (std::size_t i = 0; i < n; ++i) {
    outcome.requests.push_back(request_from(columns, i));
    check_times(outcome.requests.back());
    const bool late = i == 0 || outcome.requests[i].arrival_ns >= outcome.requests[i - 1].arrival_ns;
    if (!late) throw Error("the requests of a scenario are not in order of arrival");
  }
  if (object.contains("endpoint")) {
    outcome.endpoint = endpoint_from(object.at("endpoint"), columns, n);
    for (RequestOutcome& request : outcome.requests) request.admitted_ns = request.submit_ns;  // a server has no slots
  }
  outcome.metrics = derive_load_metrics(outcome.requests, outcome.kind,
                                        integer_of<std::int32_t>(object.at("ramp_up_requests")), outcome.objective);
  if (outcome.endpoint && outcome.endpoint->whole) forget_token_times(outcome.metrics);
  return outcome;
}

}  // namespace inferbench
