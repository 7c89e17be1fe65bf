// SPDX-License-Identifier: Apache-2.0
#include "results/trial_parser.hpp"

#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "results/line_fields.hpp"
#include "results/outcome_fields.hpp"
#include "results/outcome_json.hpp"
#include "support/json_problem.hpp"

namespace inferbench {

namespace {

// Rows of earlier versions have none of these.
void get_divergence(const LineFields& fields, TrialRecord& record) {
  if (fields.has("same_output")) record.same_output = fields.truth("same_output");
  if (!fields.has("first_divergence")) return;
  Divergence& divergence = record.divergence.emplace();
  divergence.token = fields.integer<std::int32_t>("first_divergence");
  divergence.sequence = fields.integer<std::int32_t>("divergent_sequence");
  divergence.margin = fields.number_or_none("margin");
  divergence.wide = fields.truth("wide_divergence");
}

TrialRecord record_of(const LineFields& fields) {
  TrialRecord record;
  record.id = fields.text("id");
  record.contender = fields.text("contender");
  record.backend = fields.text("backend");
  record.precision = fields.text("precision");
  record.point.model = fields.text("model");
  record.point.prompt_tokens = fields.integer<std::int32_t>("prompt_tokens");
  record.point.generate_tokens = fields.integer<std::int32_t>("generate_tokens");
  record.point.batch = fields.integer<std::int32_t>("batch");
  record.point.threads = fields.integer<std::int32_t>("threads");
  record.point.past_tokens = fields.integer_or<std::int32_t>("past_tokens", 0);
  record.point.shared_prefix_tokens = fields.integer_or<std::int32_t>("shared_prefix_tokens", 0);
  record.block = fields.integer<std::int32_t>("block");
  record.repeat = fields.integer<std::int32_t>("repeat");
  record.prompt_stream = fields.integer<std::uint64_t>("prompt_stream");
  record.started = fields.text("started");
  record.duration_s = fields.number("duration_s");
  record.attempt = fields.integer_or<std::int32_t>("attempt", 0);
  record.disturbed_by = fields.text_or("disturbed_by", {});
  record.decode_bandwidth_share = fields.number_or_none("decode_bandwidth_share");
  record.prefill_peak_share = fields.number_or_none("prefill_peak_share");
  record.outcome = trial_outcome_of(fields);
  get_divergence(fields, record);
  record.load = load_outcome_of(fields.object("load"));
  return record;
}

}  // namespace

struct TrialParser::Buffers {
  simdjson::dom::parser parser;
};

TrialParser::TrialParser() : buffers_(std::make_unique<Buffers>()) {}
TrialParser::~TrialParser() = default;

TrialRecord TrialParser::parse(std::string_view line) {
  try {
    const LineFields fields(simdjson::dom::object(buffers_->parser.parse(line.data(), line.size())));
    TrialRecord record = record_of(fields);
    // Few rows have these, and they are no plain numbers: they come the way they came from the worker.
    if (fields.has("ids") || fields.has("profile")) record.outcome = trial_outcome_from(nlohmann::json::parse(line));
    return record;
  } catch (const Error& error) {
    throw;
  } catch (const nlohmann::json::exception& error) {
    throw Error("not a trial record: " + json_problem(error));
  } catch (const simdjson::simdjson_error&) {
    throw Error("not a trial record: not valid JSON");
  } catch (const std::exception& error) {
    throw Error(std::string("not a trial record: ") + error.what());
  }
}

TrialRecord parse_trial_record(std::string_view line) {
  return TrialParser().parse(line);
}

}  // namespace inferbench
