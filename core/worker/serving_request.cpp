// SPDX-License-Identifier: Apache-2.0
#include "worker/serving_request.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "support/json_integer.hpp"
#include "worker/frame.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxServedTokens = std::int64_t{1} << 26;

void require_good(bool good, const char* what) {
  if (!good) throw ProtocolError(std::string("malformed message: invalid ") + what);
}

bool all_positive(const std::vector<std::int32_t>& values) {
  return std::all_of(values.begin(), values.end(), [](std::int32_t value) { return value > 0; });
}

}  // namespace

Json to_json(const ServingRequest& request) {
  return {{"kind", to_string(request.kind)},
          {"concurrency", request.concurrency},
          {"delivery", to_string(request.delivery)},
          {"token_budget", request.token_budget},
          {"policy", to_string(request.policy)},
          {"duration_s", request.duration_s},
          {"ramp_up", request.ramp_up},
          {"ttft_ms", request.goal.objective.ttft_ms},
          {"tpot_ms", request.goal.objective.tpot_ms},
          {"percentile", request.goal.percentile},
          {"within", request.goal.within},
          {"arrivals_ns", request.arrivals_ns},
          {"lengths", request.lengths},
          {"outputs", request.outputs}};
}

ServingRequest serving_request_from(const Json& object) {
  ServingRequest request;
  const auto kind = scenario_kind_from(object.at("kind").get<std::string>());
  require_good(kind.has_value(), "kind of scenario");
  request.kind = *kind;
  request.concurrency = integer_of<std::int32_t>(object.at("concurrency"));
  const auto delivery = delivery_from(object.at("delivery").get<std::string>());
  require_good(delivery.has_value(), "delivery");
  request.delivery = *delivery;
  request.token_budget = integer_of<std::int32_t>(object.at("token_budget"));
  const auto policy = schedule_policy_from(object.at("policy").get<std::string>());
  require_good(policy.has_value(), "policy");
  request.policy = *policy;
  request.duration_s = object.at("duration_s").get<double>();
  request.ramp_up = integer_of<std::int32_t>(object.at("ramp_up"));
  request.goal.objective.ttft_ms = object.at("ttft_ms").get<double>();
  request.goal.objective.tpot_ms = object.at("tpot_ms").get<double>();
  request.goal.percentile = object.at("percentile").get<double>();
  request.goal.within = object.at("within").get<double>();
  request.arrivals_ns = object.at("arrivals_ns").get<std::vector<std::uint64_t>>();
  request.lengths = object.at("lengths").get<std::vector<std::int32_t>>();
  request.outputs = object.at("outputs").get<std::vector<std::int32_t>>();
  const std::size_t n = request.arrivals_ns.size();
  require_good(n > 0 && request.lengths.size() == n && request.outputs.size() == n, "number of requests");
  require_good(request.concurrency >= 0 && request.token_budget > 0 && request.ramp_up >= 0, "serving options");
  require_good(request.goal.percentile > 0 && request.goal.percentile < 100 && request.goal.within > 0, "goal");
  require_good(all_positive(request.lengths) && all_positive(request.outputs), "lengths");
  require_good(std::is_sorted(request.arrivals_ns.begin(), request.arrivals_ns.end()), "arrivals");
  require_good(prompt_ids_of(request) <= static_cast<std::size_t>(kMaxServedTokens), "number of prompt ids");
  return request;
}

std::size_t prompt_ids_of(const ServingRequest& request) {
  std::size_t ids = 0;
  for (const std::int32_t length : request.lengths) ids += static_cast<std::size_t>(length);
  return ids;
}

}  // namespace inferbench
