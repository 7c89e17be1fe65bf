// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "measure/machine_limits.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/json_problem.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

Json rate_json(const MeasuredRate& rate) {
  return {{"best", rate.best}, {"median", rate.median}, {"how", rate.how}};
}

MeasuredRate rate_from(const Json& json) {
  return {json.at("best").get<double>(), json.at("median").get<double>(), json.at("how").get<std::string>()};
}

}  // namespace

Json to_json(const MachineLimits& limits) {
  Json by_threads = Json::array();
  for (const ThreadLimits& here : limits.by_threads) {
    Json reads = Json::array();
    for (const ReadBandwidth& read : here.read) {
      reads.push_back({{"buffer_bytes", read.buffer_bytes}, {"bytes_per_s", rate_json(read.bytes_per_s)}});
    }
    by_threads.push_back({{"threads", here.threads},
                          {"read", std::move(reads)},
                          {"fp32_flops_per_s", rate_json(here.fp32_flops_per_s)},
                          {"int8_ops_per_s", rate_json(here.int8_ops_per_s)}});
  }
  return {{"clock_read_ns", limits.clock_read_ns},
          {"call_overhead_ns", limits.call_overhead_ns > 0 ? Json(limits.call_overhead_ns) : Json(nullptr)},
          {"by_threads", std::move(by_threads)}};
}

MachineLimits machine_limits_from_json(const Json& json) {
  try {
    MachineLimits limits;
    limits.clock_read_ns = json.at("clock_read_ns").get<double>();
    if (const auto call = json.find("call_overhead_ns"); call != json.end() && !call->is_null()) {
      limits.call_overhead_ns = call->get<double>();
    }
    for (const Json& entry : json.at("by_threads")) {
      ThreadLimits& here = limits.by_threads.emplace_back();
      here.threads = integer_of<std::int32_t>(entry.at("threads"));
      here.fp32_flops_per_s = rate_from(entry.at("fp32_flops_per_s"));
      here.int8_ops_per_s = rate_from(entry.at("int8_ops_per_s"));
      for (const Json& read : entry.at("read")) {
        here.read.push_back({integer_of<std::uint64_t>(read.at("buffer_bytes")), rate_from(read.at("bytes_per_s"))});
      }
    }
    return limits;
  } catch (const Json::exception& error) {
    throw Error(fmt::format("cannot read the machine limits: {}", json_problem(error)),
                "measure them again: inferbench machine --json");
  }
}

}  // namespace inferbench
