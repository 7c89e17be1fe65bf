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

Json reads_json(const std::vector<ReadBandwidth>& measured) {
  Json reads = Json::array();
  for (const ReadBandwidth& read : measured) {
    reads.push_back({{"buffer_bytes", read.buffer_bytes}, {"bytes_per_s", rate_json(read.bytes_per_s)}});
  }
  return reads;
}

std::vector<ReadBandwidth> reads_from(const Json& json) {
  std::vector<ReadBandwidth> reads;
  for (const Json& read : json) {
    reads.push_back({integer_of<std::uint64_t>(read.at("buffer_bytes")), rate_from(read.at("bytes_per_s"))});
  }
  return reads;
}

// The rates of a device, for both directions.
template <typename Limits, typename Visit>
void walk_device_rates(Limits& limits, Visit visit) {
  visit("fp32_flops_per_s", limits.fp32_flops_per_s);
  visit("bf16_flops_per_s", limits.bf16_flops_per_s);
  visit("int8_ops_per_s", limits.int8_ops_per_s);
  visit("launches_per_s", limits.launches_per_s);
  visit("round_trips_per_s", limits.round_trips_per_s);
  visit("to_device_bytes_per_s", limits.to_device_bytes_per_s);
  visit("from_device_bytes_per_s", limits.from_device_bytes_per_s);
}

}  // namespace

Json to_json(const DeviceLimits& limits) {
  Json object{{"device", limits.device}, {"name", limits.name}, {"read", reads_json(limits.read)}};
  walk_device_rates(limits, [&object](const char* key, const MeasuredRate& rate) {
    object[key] = rate.best > 0 ? rate_json(rate) : Json(nullptr);
  });
  object["cache_bytes"] = limits.cache_bytes > 0 ? Json(limits.cache_bytes) : Json(nullptr);
  return object;
}

DeviceLimits device_limits_from_json(const Json& json) {
  DeviceLimits limits;
  limits.device = json.at("device").get<std::string>();
  limits.name = json.at("name").get<std::string>();
  limits.read = reads_from(json.at("read"));
  walk_device_rates(limits, [&json](const char* key, MeasuredRate& rate) {
    if (!json.at(key).is_null()) rate = rate_from(json.at(key));
  });
  if (const Json& cache = json.at("cache_bytes"); !cache.is_null())
    limits.cache_bytes = integer_of<std::uint64_t>(cache);
  return limits;
}

Json to_json(const MachineLimits& limits) {
  Json by_threads = Json::array();
  for (const ThreadLimits& here : limits.by_threads) {
    by_threads.push_back({{"threads", here.threads},
                          {"read", reads_json(here.read)},
                          {"fp32_flops_per_s", rate_json(here.fp32_flops_per_s)},
                          {"int8_ops_per_s", rate_json(here.int8_ops_per_s)}});
  }
  Json object{{"clock_read_ns", limits.clock_read_ns},
              {"call_overhead_ns", limits.call_overhead_ns > 0 ? Json(limits.call_overhead_ns) : Json(nullptr)},
              {"by_threads", std::move(by_threads)}};
  if (!limits.by_device.empty()) object["by_device"] = Json::array();
  for (const DeviceLimits& device : limits.by_device) object["by_device"].push_back(to_json(device));
  return object;
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
      here.read = reads_from(entry.at("read"));
    }
    if (const auto devices = json.find("by_device"); devices != json.end()) {
      for (const Json& device : *devices) limits.by_device.push_back(device_limits_from_json(device));
    }
    return limits;
  } catch (const Json::exception& error) {
    throw Error(fmt::format("cannot read the machine limits: {}", json_problem(error)),
                "measure them again: inferbench machine --json");
  }
}

}  // namespace inferbench
