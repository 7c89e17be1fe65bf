// SPDX-License-Identifier: Apache-2.0
#include "conformance/examine.hpp"

#include <chrono>

#include "plugin/probe.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench::conformance {

namespace {

// For what hangs. A rule of two seconds may well take a minute while other programs use every core.
constexpr std::chrono::seconds kTimeLimit(300);
constexpr std::size_t kMostReasons = 5;
constexpr const char* kUnsupported = "unsupported";  // as a cure: what came out of the child is that status

// All findings as one text, a line each; Error carries it out of the child.
std::string findings_of(const Rule& rule, const Subject& subject) {
  Check check(subject);
  std::string thrown;
  try {
    rule.check(check);
  } catch (const std::exception& error) {
    thrown = one_line(error.what());
  }
  std::string text;
  std::size_t n = 0;
  for (const std::string& finding : check.findings()) {
    if (++n <= kMostReasons) text += one_line(finding) + "\n";
  }
  if (n > kMostReasons) text += "and " + std::to_string(n - kMostReasons) + " more\n";
  return thrown.empty() ? text : text + "it ends with: " + thrown + "\n";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKept:
      return "kept";
    case Verdict::kBroken:
      return "broken";
    case Verdict::kExempt:
      return "exempt";
  }
  return "broken";
}

Finding examine(const Rule& rule, const Subject& subject) {
  Finding finding{rule, Verdict::kKept, {}};
  if (rule.exempt != nullptr) {
    if (std::string why = rule.exempt(subject); !why.empty()) return {rule, Verdict::kExempt, {std::move(why)}};
  }
  try {
    const auto work = [&] {
      if (const std::string text = findings_of(rule, subject); !text.empty()) throw Error(text);
    };
    probe_in_child(work, "the backend", kTimeLimit, "the rule");
  } catch (const Error& error) {
    finding.verdict = Verdict::kBroken;
    finding.reasons = lines_of(error.what());
  }
  return finding;
}

std::string unsupported_here(const Subject& subject) {
  const auto work = [&] {
    TestModel weights;
    const Candidate model(subject, weights.desc());
    if (model.status() == IB_UNSUPPORTED) throw Error(one_line(model.error().message), kUnsupported);
  };
  try {
    probe_in_child(work, "the backend", kTimeLimit, "making a model");
  } catch (const Error& error) {
    // Whatever else goes wrong is for the rules to find.
    if (error.cure() == kUnsupported) return error.what();
  }
  return {};
}

}  // namespace inferbench::conformance
