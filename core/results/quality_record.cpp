// SPDX-License-Identifier: Apache-2.0
#include "results/quality_record.hpp"

#include <nlohmann/json.hpp>

#include "results/optional_json.hpp"
#include "support/error.hpp"
#include "support/json_problem.hpp"

namespace inferbench {

namespace {

using OrderedJson = nlohmann::ordered_json;

template <typename T>
std::optional<T> optional_of(const OrderedJson& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

TrialStatus status_of(const OrderedJson& object) {
  const auto text = object.at("status").get<std::string>();
  const auto status = trial_status_from(text);
  if (!status) throw Error("unknown status '" + text + "'");
  return *status;
}

}  // namespace

std::string to_json_line(const QualityRecord& record) {
  OrderedJson line{{"contender", record.contender},
                   {"precision", record.precision},
                   {"model", record.model},
                   {"reference", record.reference},
                   {"text", record.text.empty() ? OrderedJson(nullptr) : OrderedJson(record.text)},
                   {"threads", record.threads},
                   {"started", record.started},
                   {"duration_s", record.duration_s},
                   {"status", to_string(record.status)},
                   {"error", record.error},
                   {"stderr_tail", record.stderr_tail},
                   {"max_kl", or_null(record.max_kl)},
                   {"repeats", or_null(record.repeats)}};
  if (record.agreement) line.update(to_json(*record.agreement));
  return line.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

QualityRecord parse_quality_record(std::string_view line) {
  try {
    const OrderedJson object = OrderedJson::parse(line);
    QualityRecord record;
    record.contender = object.at("contender").get<std::string>();
    record.precision = object.at("precision").get<std::string>();
    record.model = object.at("model").get<std::string>();
    record.reference = object.at("reference").get<std::string>();
    record.text = optional_of<std::string>(object, "text").value_or("");
    record.threads = object.at("threads").get<std::int32_t>();
    record.started = object.at("started").get<std::string>();
    record.duration_s = object.at("duration_s").get<double>();
    record.status = status_of(object);
    record.error = object.at("error").get<std::string>();
    record.stderr_tail = object.at("stderr_tail").get<std::string>();
    record.max_kl = optional_of<double>(object, "max_kl");
    record.repeats = optional_of<bool>(object, "repeats");
    if (object.contains("kl")) record.agreement = agreement_from(object);
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw Error("not a quality record: " + json_problem(error));
  }
}

}  // namespace inferbench
