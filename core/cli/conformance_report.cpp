// SPDX-License-Identifier: Apache-2.0
#include "cli/conformance_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "report/console_style.hpp"
#include "support/counted.hpp"

namespace inferbench {
namespace {

using conformance::Finding;
using RuleVerdict = conformance::Verdict;
using Json = nlohmann::ordered_json;

std::string title(const Examined& examined) {
  const conformance::Subject& subject = examined.subject;
  const std::string judged =
      subject.judged_as == subject.precision ? "" : fmt::format(", judged as {}", subject.judged_as);
  const std::string device = subject.device.empty() ? "" : " on " + subject.device;
  return fmt::format("{} {}{}{}", subject.plugin.name(), subject.precision, device, judged);
}

std::string not_applicable(const Examined& examined) {
  const std::size_t n = examined.count(RuleVerdict::kNotApplicable);
  return n == 0 ? "" : fmt::format(", {} n/a", n);
}

std::string verdict_line(const Examined& examined) {
  if (!examined.unsupported.empty()) return "unsupported here: " + examined.unsupported;
  const std::size_t n_broken = examined.count(RuleVerdict::kBroken);
  if (n_broken == 0) return counted(examined.count(RuleVerdict::kKept), "rule") + " kept" + not_applicable(examined);
  std::string broken = counted(n_broken, "rule") + " broken";
  if (!examined.cause.text.empty()) return broken + ", likely cause: " + examined.cause.text;
  // If the cause is unknown, the most useful finding is the first broken rule that does not follow from another one.
  const auto first = std::find_if(examined.findings.begin(), examined.findings.end(), [](const Finding& finding) {
    return finding.verdict == RuleVerdict::kBroken && finding.follows_from.empty();
  });
  if (first == examined.findings.end()) return broken;
  const std::string reason = first->reasons.empty() ? first->rule.text : first->reasons.front();
  return fmt::format("{}, first {}: {}", broken, first->rule.name, reason);
}

std::string painted_verdict(const Finding& finding, const ConsoleStyle& style) {
  switch (finding.verdict) {
    case RuleVerdict::kBroken:
      return style.red("BROKEN");
    case RuleVerdict::kKept:
      return style.green("kept  ");
    case RuleVerdict::kNotApplicable:
      return style.dim("n/a   ");
  }
  return "";
}

std::string finding_lines(const Finding& finding, const ConsoleStyle& style) {
  std::string text =
      fmt::format("  {}  {:<32} {}\n", painted_verdict(finding, style), finding.rule.name, finding.rule.text);
  if (!finding.follows_from.empty()) text += fmt::format("            follows from {}\n", finding.follows_from);
  for (const std::string& reason : finding.reasons) text += fmt::format("            {}\n", reason);
  for (const std::string& part : finding.not_tried) text += fmt::format("            not tried: {}\n", part);
  return text;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json position_or_null(const std::optional<std::int32_t>& position) {
  return position ? Json(*position) : Json(nullptr);
}

Json examined_json(const Examined& examined) {
  Json json{{"precision", examined.subject.precision},
            {"judged_as", examined.subject.judged_as},
            {"device", text_or_null(examined.subject.device)},
            {"rounding", examined.subject.tolerance.rounding},
            {"numerics", examined.subject.tolerance.numerics},
            {"unsupported", text_or_null(examined.unsupported)},
            {"likely_cause", text_or_null(examined.cause.text)},
            {"first_bad_position", position_or_null(examined.cause.first_bad_position)},
            {"looks_like_rounding_to", text_or_null(examined.cause.judge_as)},
            {"kept", examined.count(RuleVerdict::kKept)},
            {"broken", examined.count(RuleVerdict::kBroken)},
            {"not_applicable", examined.count(RuleVerdict::kNotApplicable)},
            {"rules", Json::array()}};
  for (const Finding& finding : examined.findings) {
    json["rules"].push_back({{"name", finding.rule.name},
                             {"text", finding.rule.text},
                             {"verdict", to_string(finding.verdict)},
                             {"follows_from", text_or_null(finding.follows_from)},
                             {"first_bad_position", position_or_null(finding.first_bad_position)},
                             {"reasons", finding.reasons},
                             {"not_tried", finding.not_tried}});
  }
  return json;
}

}  // namespace

std::size_t Examined::count(RuleVerdict verdict) const {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                [&](const Finding& finding) { return finding.verdict == verdict; }));
}

std::string conformance_text(const Examined& examined, bool colour) {
  const ConsoleStyle style(colour);
  std::string text = style.bold(fmt::format("{}: {}", title(examined), verdict_line(examined))) + "\n";
  if (!examined.unsupported.empty()) return text;
  for (const Finding& finding : examined.findings) text += finding_lines(finding, style);
  const auto n_following = std::count_if(examined.findings.begin(), examined.findings.end(),
                                         [](const Finding& finding) { return !finding.follows_from.empty(); });
  const std::string following = n_following == 0 ? ""
                                                 : fmt::format(" ({} of them {} from another)", n_following,
                                                               n_following == 1 ? "follows" : "follow");
  return text + fmt::format("{}: {} kept, {} broken{}, {} n/a\n", title(examined), examined.count(RuleVerdict::kKept),
                            examined.count(RuleVerdict::kBroken), following,
                            examined.count(RuleVerdict::kNotApplicable));
}

std::string conformance_json(const Plugin& plugin, const std::vector<Examined>& all) {
  Json json{{"backend", plugin.name()},
            {"version", plugin.description().version},
            {"build", plugin.description().build},
            {"path", plugin.path()},
            {"precisions", Json::array()}};
  for (const Examined& examined : all) json["precisions"].push_back(examined_json(examined));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace inferbench
