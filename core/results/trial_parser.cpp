// SPDX-License-Identifier: Apache-2.0
#include "results/trial_parser.hpp"

#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "results/line_fields.hpp"
#include "results/outcome_json.hpp"
#include "results/trial_fields.hpp"
#include "support/json_problem.hpp"

namespace inferbench {

namespace {

TrialRecord record_of(const LineFields& fields) {
  TrialRecord record;
  FieldReader reader(fields);
  walk_trial_record(reader, record);
  const LineFields load = fields.object("load");
  FieldReader load_reader(load);
  walk_load_outcome(load_reader, record.load);
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
    // Few rows have these fields. They are not plain numbers, so they are parsed like a worker's message.
    const bool rare = fields.has("ids") || fields.has("profile") || fields.has("serving");
    if (rare) record.outcome = trial_outcome_from(nlohmann::json::parse(line));
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
