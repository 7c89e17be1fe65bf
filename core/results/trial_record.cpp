// SPDX-License-Identifier: Apache-2.0
#include "results/trial_record.hpp"

#include <nlohmann/json.hpp>

#include "results/memory_check.hpp"
#include "results/outcome_json.hpp"
#include "results/trial_fields.hpp"

namespace inferbench {

namespace {
using Json = nlohmann::ordered_json;
}  // namespace

std::string to_json_line(const TrialRecord& record) {
  Json line = Json::object();
  FieldWriter writer(line);
  walk_trial_record(writer, record);
  const auto memory = check_memory(record);
  line["memory_reported_bytes"] = memory ? Json(memory->reported) : Json(nullptr);
  line["memory_disagreement"] = memory ? Json(memory->disagreement()) : Json(nullptr);
  const nlohmann::json rest = rare_fields(record.outcome);  // items() refers to it
  for (const auto& [key, value] : rest.items()) line[key] = value;
  line["load"] = to_json(record.load);
  // An error message may contain bytes that are not UTF-8. They must not make the row unwritable.
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace inferbench
