// SPDX-License-Identifier: Apache-2.0
#include "measure/standstill_json.hpp"

#include <nlohmann/json.hpp>

namespace inferbench {

namespace {

using Json = nlohmann::json;

Json or_null_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::optional<double> number_at(const Json& object, const char* key) {
  const Json& value = object.at(key);
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

}  // namespace

void put_standstill(Json& object, const Standstill& standstill) {
  object["stalled_ms"] = or_null_json(standstill.stalled_ms);
  object["suspended_ms"] = or_null_json(standstill.suspended_ms);
  object["traced"] = standstill.traced;
  object["stopped"] = standstill.stopped;
}

Standstill standstill_from(const Json& object) {
  Standstill standstill;
  standstill.stalled_ms = number_at(object, "stalled_ms");
  standstill.suspended_ms = number_at(object, "suspended_ms");
  standstill.traced = object.at("traced").get<bool>();
  standstill.stopped = object.at("stopped").get<bool>();
  return standstill;
}

}  // namespace inferbench
