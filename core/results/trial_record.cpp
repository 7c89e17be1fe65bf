// SPDX-License-Identifier: Apache-2.0
#include "results/trial_record.hpp"

#include <nlohmann/json.hpp>

#include "results/memory_check.hpp"
#include "results/optional_json.hpp"
#include "results/outcome_json.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

using Json = nlohmann::ordered_json;

namespace {

void put_divergence(Json& line, const TrialRecord& record) {
  const auto& divergence = record.divergence;
  line["same_output"] = record.same_output ? Json(*record.same_output) : Json(nullptr);
  line["first_divergence"] = divergence ? Json(divergence->token) : Json(nullptr);
  line["divergent_sequence"] = divergence ? Json(divergence->sequence) : Json(nullptr);
  line["margin"] = divergence && divergence->margin ? Json(*divergence->margin) : Json(nullptr);
  line["wide_divergence"] = divergence && divergence->wide;
}

// Rows of earlier versions have none of these.
void get_divergence(const nlohmann::json& object, TrialRecord& record) {
  const auto has = [&](const char* key) { return object.contains(key) && !object.at(key).is_null(); };
  if (has("same_output")) record.same_output = object.at("same_output").get<bool>();
  if (!has("first_divergence")) return;
  Divergence& divergence = record.divergence.emplace();
  divergence.token = object.at("first_divergence").get<std::int32_t>();
  divergence.sequence = object.at("divergent_sequence").get<std::int32_t>();
  if (has("margin")) divergence.margin = object.at("margin").get<double>();
  divergence.wide = object.at("wide_divergence").get<bool>();
}

}  // namespace

std::string to_json_line(const TrialRecord& record) {
  Json line{{"id", record.id},
            {"contender", record.contender},
            {"backend", record.backend},
            {"precision", record.precision},
            {"model", record.point.model},
            {"prompt_tokens", record.point.prompt_tokens},
            {"generate_tokens", record.point.generate_tokens},
            {"batch", record.point.batch},
            {"threads", record.point.threads},
            {"block", record.block},
            {"repeat", record.repeat},
            {"attempt", record.attempt},
            {"warm_up", record.warm_up()},
            {"prompt_stream", record.prompt_stream},
            {"started", record.started},
            {"duration_s", record.duration_s},
            {"disturbed", record.disturbed()},
            {"disturbed_by", record.disturbed_by},
            {"decode_bandwidth_share", or_null(record.decode_bandwidth_share)},
            {"prefill_peak_share", or_null(record.prefill_peak_share)}};
  const auto memory = check_memory(record);
  line["memory_reported_bytes"] = memory ? Json(memory->reported) : Json(nullptr);
  line["memory_disagreement"] = memory ? Json(memory->disagreement()) : Json(nullptr);
  const nlohmann::json outcome = to_json(record.outcome);  // items() borrows
  for (const auto& [key, value] : outcome.items()) line[key] = value;
  put_divergence(line, record);
  line["load"] = to_json(record.load);
  // A message may hold bytes that are not UTF-8: they must not cost the row.
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

TrialRecord parse_trial_record(std::string_view line) {
  try {
    const auto object = nlohmann::json::parse(line);
    TrialRecord record;
    record.id = object.at("id").get<std::string>();
    record.contender = object.at("contender").get<std::string>();
    record.backend = object.at("backend").get<std::string>();
    record.precision = object.at("precision").get<std::string>();
    record.point.model = object.at("model").get<std::string>();
    record.point.prompt_tokens = integer_of<std::int32_t>(object.at("prompt_tokens"));
    record.point.generate_tokens = integer_of<std::int32_t>(object.at("generate_tokens"));
    record.point.batch = integer_of<std::int32_t>(object.at("batch"));
    record.point.threads = integer_of<std::int32_t>(object.at("threads"));
    record.block = integer_of<std::int32_t>(object.at("block"));
    record.repeat = integer_of<std::int32_t>(object.at("repeat"));
    record.prompt_stream = integer_of<std::uint64_t>(object.at("prompt_stream"));
    record.started = object.at("started").get<std::string>();
    record.duration_s = object.at("duration_s").get<double>();
    record.attempt = integer_or<std::int32_t>(object, "attempt", 0);
    record.disturbed_by = object.value("disturbed_by", std::string());
    record.decode_bandwidth_share = number_or_none(object, "decode_bandwidth_share");
    record.prefill_peak_share = number_or_none(object, "prefill_peak_share");
    record.outcome = trial_outcome_from(object);
    get_divergence(object, record);
    record.load = load_outcome_from(object.at("load"));
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw Error(std::string("not a trial record: ") + error.what());
  }
}

}  // namespace inferbench
