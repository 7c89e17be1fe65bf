// SPDX-License-Identifier: Apache-2.0
#include "results/trial_record.hpp"

#include <nlohmann/json.hpp>

#include "results/memory_check.hpp"
#include "results/optional_json.hpp"
#include "results/outcome_json.hpp"

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
            {"past_tokens", record.point.past_tokens},
            {"shared_prefix_tokens", record.point.shared_prefix_tokens},
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

}  // namespace inferbench
