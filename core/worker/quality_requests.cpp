// SPDX-License-Identifier: Apache-2.0
#include "worker/quality_requests.hpp"

#include <nlohmann/json.hpp>

#include "measure/outcome_fields.hpp"
#include "support/error.hpp"
#include "worker/frame.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxIds = std::size_t{1} << 26U;

std::vector<std::int32_t> ids_from(const Json& object, std::size_t least) {
  auto ids = object.at("ids").get<std::vector<std::int32_t>>();
  if (ids.size() < least || ids.size() > kMaxIds) throw ProtocolError("malformed message: invalid number of ids");
  return ids;
}

}  // namespace

Json to_json(const WindowRequest& request) {
  return {{"reference", request.reference}, {"ids", request.ids}, {"timeout_s", request.timeout_s}};
}

WindowRequest window_request_from(const Json& object) {
  return {object.at("reference").get<std::string>(), ids_from(object, 2), object.at("timeout_s").get<double>()};
}

Json to_json(const WindowOutcome& outcome) {
  Json object = ending_json(outcome);
  const WindowAgreement& window = outcome.window;
  object["window"] = {window.tokens, window.not_finite, window.nll,        window.reference_nll,
                      window.kl,     window.same_top,   window.shared_top, window.greatest_error};
  object["first_wrong"] = nullptr;
  if (const auto& wrong = window.first_wrong) {
    object["first_wrong"] = {wrong->row, wrong->token, wrong->value ? Json(*wrong->value) : Json(nullptr)};
  }
  return object;
}

WindowOutcome window_outcome_from(const Json& object) {
  WindowOutcome outcome;
  read_ending(object, outcome);
  const Json& values = object.at("window");
  WindowAgreement& window = outcome.window;
  window.tokens = values.at(0).get<std::uint64_t>();
  window.not_finite = values.at(1).get<std::uint64_t>();
  if (const Json& wrong = object.at("first_wrong"); !wrong.is_null()) {
    window.first_wrong = WrongLogit{wrong.at(0).get<std::size_t>(), wrong.at(1).get<std::size_t>(), std::nullopt};
    if (!wrong.at(2).is_null()) window.first_wrong->value = wrong.at(2).get<float>();
  }
  double* const sums[] = {&window.nll,      &window.reference_nll, &window.kl,
                          &window.same_top, &window.shared_top,    &window.greatest_error};
  for (std::size_t i = 0; i < std::size(sums); ++i) *sums[i] = values.at(2 + i).get<double>();
  return outcome;
}

Json to_json(const MarginRequest& request) {
  return {{"ids", request.ids}, {"own", request.own}, {"other", request.other}, {"timeout_s", request.timeout_s}};
}

MarginRequest margin_request_from(const Json& object) {
  return {ids_from(object, 1), object.at("own").get<std::int32_t>(), object.at("other").get<std::int32_t>(),
          object.at("timeout_s").get<double>()};
}

Json to_json(const MarginOutcome& outcome) {
  Json object = ending_json(outcome);
  object["margin"] = outcome.margin;
  object["deviation"] = outcome.deviation;
  return object;
}

MarginOutcome margin_outcome_from(const Json& object) {
  MarginOutcome outcome;
  read_ending(object, outcome);
  outcome.margin = object.at("margin").get<double>();
  outcome.deviation = object.at("deviation").get<double>();
  return outcome;
}

}  // namespace inferbench
