// SPDX-License-Identifier: Apache-2.0
#include "results/outcome_json.hpp"

#include <nlohmann/json.hpp>

#include "measure/outcome_fields.hpp"
#include "results/serving_json.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

namespace {

using OutcomeJson = nlohmann::json;

OutcomeJson profile_json(const std::vector<ProfileEvent>& events) {
  OutcomeJson list = OutcomeJson::array();
  for (const auto& e : events) {
    list.push_back(OutcomeJson::array({e.operation, e.layer, e.thread, e.begin_ns, e.end_ns, e.bytes, e.flops}));
  }
  return list;
}

std::vector<ProfileEvent> profile_from(const OutcomeJson& list) {
  std::vector<ProfileEvent> events;
  events.reserve(list.size());
  for (const auto& e : list) {
    events.push_back({e.at(0).get<std::string>(), integer_of<std::int32_t>(e.at(1)), integer_of<std::int32_t>(e.at(2)),
                      integer_of<std::uint64_t>(e.at(3)), integer_of<std::uint64_t>(e.at(4)),
                      integer_of<std::uint64_t>(e.at(5)), integer_of<std::uint64_t>(e.at(6))});
  }
  return events;
}

}  // namespace

OutcomeJson to_json(const LoadOutcome& outcome) {
  OutcomeJson object = OutcomeJson::object();
  FieldWriter writer(object);
  walk_load_outcome(writer, outcome);
  return object;
}

LoadOutcome load_outcome_from(const OutcomeJson& object) {
  LoadOutcome outcome;
  const DomFields fields(object);
  FieldReader reader(fields);
  walk_load_outcome(reader, outcome);
  return outcome;
}

OutcomeJson to_json(const TrialOutcome& outcome) {
  OutcomeJson object = OutcomeJson::object();
  FieldWriter writer(object);
  walk_trial_outcome(writer, outcome);
  object.update(rare_fields(outcome));
  return object;
}

OutcomeJson rare_fields(const TrialOutcome& outcome) {
  OutcomeJson object = OutcomeJson::object();
  if (outcome.serving) object["serving"] = to_json(*outcome.serving);
  if (!outcome.ids.empty()) object["ids"] = outcome.ids;
  if (!outcome.profile.empty()) {
    object["submit_ns"] = outcome.submit_ns;
    object["profile"] = profile_json(outcome.profile);
    object["profile_dropped"] = outcome.profile_dropped;
  }
  return object;
}

TrialOutcome trial_outcome_from(const OutcomeJson& object) {
  TrialOutcome outcome;
  const DomFields fields(object);
  FieldReader reader(fields);
  walk_trial_outcome(reader, outcome);
  if (object.contains("serving")) outcome.serving = serving_outcome_from(object.at("serving"));
  if (object.contains("ids")) {
    for (const OutcomeJson& id : object.at("ids")) outcome.ids.push_back(integer_of<std::int32_t>(id));
  }
  if (object.contains("profile")) {
    outcome.submit_ns = integer_of<std::uint64_t>(object.at("submit_ns"));
    outcome.profile = profile_from(object.at("profile"));
    outcome.profile_dropped = integer_of<std::uint64_t>(object.at("profile_dropped"));
  }
  return outcome;
}

}  // namespace inferbench
