// SPDX-License-Identifier: Apache-2.0
#include "conformance/examine.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "plugin/probe.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/shortage.hpp"

namespace inferbench::conformance {

namespace {

using Json = nlohmann::json;

// Only for hangs. A rule of two seconds may take a minute while other programs use every core.
constexpr std::chrono::seconds kTimeLimit(300);
constexpr std::size_t kMostReasons = 5;
constexpr const char* kFindings = "findings";        // as an Error's cure: its message is the JSON of findings_of
constexpr const char* kUnsupported = "unsupported";  // as an Error's cure: the status was IB_UNSUPPORTED

// Everything that a rule found, as JSON; an Error carries it out of the child.
std::string findings_of(const Rule& rule, const Subject& subject) {
  Check check(subject);
  Json reasons = Json::array();
  std::string thrown;
  try {
    rule.check(check);
  } catch (const std::exception& error) {
    thrown = one_line(error.what());
  }
  const std::size_t n = check.findings().size();
  for (const std::string& finding : check.findings()) {
    if (reasons.size() < kMostReasons) reasons.push_back(one_line(finding));
  }
  if (n > kMostReasons) reasons.push_back("and " + std::to_string(n - kMostReasons) + " more");
  if (!thrown.empty()) reasons.push_back("it stopped early: " + thrown);
  Json not_tried = Json::array();
  for (const std::string& part : check.parts_not_tried()) not_tried.push_back(one_line(part));
  const auto position = check.first_bad_position();
  return Json{{"reasons", reasons},
              {"not_tried", not_tried},
              {"position", position ? Json(*position) : Json(nullptr)},
              {"tried", check.tried_anything()},
              {"thrown", !thrown.empty()}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

void read_findings(const std::string& text, Finding& finding) {
  const Json json = Json::parse(text);
  finding.reasons = json["reasons"].get<std::vector<std::string>>();
  finding.not_tried = json["not_tried"].get<std::vector<std::string>>();
  if (!json["position"].is_null()) finding.first_bad_position = json["position"].get<std::int32_t>();
  finding.ended_early = json["thrown"].get<bool>();
  if (!finding.reasons.empty()) {
    finding.verdict = Verdict::kBroken;
  } else if (!json["tried"].get<bool>()) {
    finding.verdict = Verdict::kNotApplicable;
    finding.reasons = std::move(finding.not_tried);
    finding.not_tried.clear();
    if (finding.reasons.empty()) finding.reasons.emplace_back("no part of it could be tried");
  }
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKept:
      return "kept";
    case Verdict::kBroken:
      return "broken";
    case Verdict::kNotApplicable:
      return "n/a";
  }
  return "broken";
}

Finding examine(const Rule& rule, const Subject& subject) {
  Finding finding{rule, Verdict::kKept, {}, {}, {}, false, {}};
  if (rule.exempt != nullptr) {
    if (std::string why = rule.exempt(subject); !why.empty()) {
      finding.verdict = Verdict::kNotApplicable;
      finding.reasons = {std::move(why)};
      return finding;
    }
  }
  try {
    probe_in_child([&] { throw Error(findings_of(rule, subject), kFindings); }, "the backend", kTimeLimit, "the rule");
  } catch (const ShortageError&) {  // not the backend's fault
    throw;
  } catch (const Error& error) {
    if (error.cure() == kFindings) {
      read_findings(error.what(), finding);
    } else {
      finding.verdict = Verdict::kBroken;
      finding.ended_early = true;
      finding.reasons = {one_line(error.what())};
    }
  }
  return finding;
}

std::string unsupported_here(const Subject& subject) {
  const auto work = [&] {
    TestModel weights(subject.plain());
    const Candidate model(subject, weights.desc());
    if (model.status() == IB_UNSUPPORTED) throw Error(one_line(model.error().message), kUnsupported);
  };
  try {
    probe_in_child(work, "the backend", kTimeLimit, "making a model");
  } catch (const ShortageError&) {
    throw;
  } catch (const Error& error) {
    // The rules report all other failures.
    if (error.cure() == kUnsupported) return error.what();
  }
  return {};
}

}  // namespace inferbench::conformance
