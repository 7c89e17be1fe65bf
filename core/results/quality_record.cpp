// SPDX-License-Identifier: Apache-2.0
#include "results/quality_record.hpp"

#include <nlohmann/json.hpp>

#include "measure/outcome_fields.hpp"
#include "support/error.hpp"
#include "support/json_problem.hpp"

namespace inferbench {

namespace {

using OrderedJson = nlohmann::ordered_json;

template <typename Archive, typename Record>
void walk_quality_record(Archive& archive, Record& record) {
  archive.text("contender", record.contender);
  archive.text("precision", record.precision);
  archive.text("model", record.model);
  archive.text("reference", record.reference);
  archive.text_or_null("text", record.text);
  archive.integer("threads", record.threads);
  archive.text("started", record.started);
  archive.number("duration_s", record.duration_s);
  walk_ending(archive, record);
  archive.number("max_kl", record.max_kl);
  archive.truth("repeats", record.repeats);
}

}  // namespace

std::string to_json_line(const QualityRecord& record) {
  OrderedJson line = OrderedJson::object();
  FieldWriter writer(line);
  walk_quality_record(writer, record);
  if (record.agreement) line.update(to_json(*record.agreement));
  return line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

QualityRecord parse_quality_record(std::string_view line) {
  try {
    const OrderedJson object = OrderedJson::parse(line);
    QualityRecord record;
    const nlohmann::json plain(object);
    const DomFields fields(plain);
    FieldReader reader(fields);
    walk_quality_record(reader, record);
    if (object.contains("kl")) record.agreement = agreement_from(object);
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw Error("not a quality record: " + json_problem(error));
  }
}

}  // namespace inferbench
