// SPDX-License-Identifier: Apache-2.0
#include "conformance/likely_cause.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "conformance/cases.hpp"
#include "conformance/mistaken_backend.hpp"
#include "plugin/probe.hpp"
#include "support/error.hpp"

namespace inferbench::conformance {

namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kCauseTimeLimit(300);
constexpr const char* kFound = "found";  // as an Error's cure: its message is a cause, as JSON

/// A case, and the backend's answer to it.
struct Tried {
  const Case* one;
  std::unique_ptr<TestModel> weights;
  Trace right;
  Trace found;
  double off = 0;  ///< root mean square of the error, in standard deviations of the correct logits
  bool is_wrong = false;
};

// Tries all cases, except those that the backend does not support.
std::vector<Tried> try_all(const Subject& subject, const std::vector<const Case*>& all) {
  std::vector<Tried> tried;
  for (const Case* one : all) {
    auto weights = one->model();
    if (Candidate(subject, weights->desc()).status() != IB_OK) continue;
    Tried next{one, std::move(weights), {}, {}, 0, false};
    next.right = answers_with(nullptr, *one, *next.weights);
    next.found = answers_of(subject, *one, *next.weights);
    next.off = distance(next.right.logits, next.found.logits) / spread(next.right.logits);
    next.is_wrong = !(next.off <= tolerance_of(subject, *one));
    tried.push_back(std::move(next));
  }
  return tried;
}

// Position of the first token whose logits are wrong.
std::optional<std::int32_t> first_bad_position(const Subject& subject, const Tried& tried) {
  const std::size_t n = tried.right.positions.size();
  const std::size_t width = tried.right.logits.size() / n;
  const double unit = spread(tried.right.logits);
  for (std::size_t row = 0; row < n; ++row) {
    const auto values = [&](const Trace& trace) {
      const auto begin = trace.logits.begin() + static_cast<std::ptrdiff_t>(row * width);
      return reference::Values(begin, begin + static_cast<std::ptrdiff_t>(width));
    };
    const double off = distance(values(tried.right), values(tried.found)) / unit;
    if (!(off <= 1.5 * tolerance_of(subject, *tried.one))) return tried.right.positions[row];
  }
  return {};
}

/// How well a mistake explains the backend's logits.
struct Explanation {
  const Mistake* mistake = nullptr;
  double score = 0;  ///< sum of log(squared distance to the mistake / squared distance to the correct logits)
  bool explains_any = false;
};

// Returns an explanation without a mistake if it leaves something unexplained.
Explanation explain(const Subject& subject, const Mistake& mistake, const std::vector<const Tried*>& all) {
  constexpr double kFloor = 1e-5;  // in standard deviations; smaller errors are fp32 rounding
  Explanation result{&mistake};
  for (const Tried* one : all) {
    const Tried& tried = *one;
    const Trace mistaken = answers_with(&mistake, *tried.one, *tried.weights);
    const Nearness near = nearness(tried.right.logits, mistaken.logits, tried.found.logits);
    const double tolerance = tolerance_of(subject, *tried.one);
    const double left = near.to_mistake;
    result.score += std::log((left * left + kFloor * kFloor) / (tried.off * tried.off + kFloor * kFloor));
    const bool explained = near.is_explained(tolerance);
    // If the mistake moves logits by more than rounding does, the backend's logits must move in the same direction.
    const bool contradicted = near.apart > 2 * tolerance && !near.is_mistake();
    if ((tried.is_wrong && !explained) || contradicted) return {};
    result.explains_any = result.explains_any || explained;
  }
  return result;
}

// True for rounding that the subject's own precision allows.
bool is_allowed(const Subject& subject, const Mistake& mistake) {
  return !mistake.judge_as.empty() && default_tolerance(mistake.judge_as).numerics <= subject.tolerance.numerics;
}

// Where a mistake may begin: at the first wrong position, or somewhat earlier if rounding hides it at first. Chunk
// sizes are round numbers.
std::vector<std::int32_t> possible_starts(std::optional<std::int32_t> first_bad) {
  std::vector<std::int32_t> starts;
  const std::int32_t seen = first_bad.value_or(0);
  for (const std::int32_t size : {1, 8, 16, 32, 64}) {
    const std::int32_t start = seen - seen % size;
    if (start > 0 && std::find(starts.begin(), starts.end(), start) == starts.end()) starts.push_back(start);
  }
  return starts;
}

// The mistake that best explains every wrong answer, if there is one. Low-precision rounding counts as a mistake here.
std::optional<Mistake> best_mistake(const Subject& subject, const std::vector<Tried>& tried,
                                    std::optional<std::int32_t> first_bad) {
  constexpr double kLeastScore = -1;
  // Wrong answers first: most mistakes fail to explain the first of them.
  std::vector<const Tried*> all;
  for (const Tried& one : tried) all.push_back(&one);
  std::stable_partition(all.begin(), all.end(), [](const Tried* one) { return one->is_wrong; });
  const std::vector<Mistake> known = known_mistakes(possible_starts(first_bad));
  Explanation best;
  for (const Mistake& mistake : known) {
    if (is_allowed(subject, mistake)) continue;
    const Explanation one = explain(subject, mistake, all);
    if (one.explains_any && one.score < std::min(best.score, kLeastScore)) best = one;
  }
  if (best.mistake == nullptr) return {};
  return *best.mistake;
}

// The precision whose rounding would cause errors of this size in every case, in no known direction; empty if there is
// none. Rounding also shows in sequences that are fed in one call.
std::string rounding_like(const Subject& subject, const std::vector<Tried>& all) {
  double most = 0;
  bool shows_in_one_call = false;
  for (const Tried& tried : all) {
    most = std::isfinite(tried.off) ? std::max(most, tried.off / tried.one->sensitivity) : INFINITY;
    shows_in_one_call = shows_in_one_call || (tried.is_wrong && !tried.one->exact && tried.one->steps.size() == 1);
  }
  for (const char* precision : {"bf16", "int8"}) {
    const double tolerance = default_tolerance(precision).numerics;
    if (shows_in_one_call && most <= tolerance && tolerance > subject.tolerance.numerics) return precision;
  }
  return {};
}

std::string how_to_judge_as(const std::string& precision) {
  return fmt::format("; if the precision or an option intends that, use --judge-as {}", precision);
}

}  // namespace

LikelyCause cause_of_logits(const Subject& subject) {
  const std::vector<Case> short_ones = cases(subject.features());
  const std::vector<Case> long_ones = long_cases(subject.features());
  std::vector<const Case*> wanted;
  for (const std::vector<Case>* some : {&short_ones, &long_ones}) {
    for (const Case& one : *some) wanted.push_back(&one);
  }
  const std::vector<Tried> all = try_all(subject, wanted);
  LikelyCause cause;
  for (const Case& one : long_ones) {
    const auto tried = std::find_if(all.begin(), all.end(), [&](const Tried& some) { return some.one == &one; });
    if (tried != all.end() && !cause.first_bad_position) cause.first_bad_position = first_bad_position(subject, *tried);
  }
  if (const auto mistake = best_mistake(subject, all, cause.first_bad_position)) {
    cause.mistake = mistake->id;
    cause.judge_as = mistake->judge_as;
    cause.text = mistake->text;
    if (const auto start = position_of(mistake->id)) cause.first_bad_position = start;
    if (!cause.judge_as.empty()) cause.text += how_to_judge_as(cause.judge_as);
  } else if (const auto first = std::find_if(all.begin(), all.end(), [](const Tried& one) { return one.is_wrong; });
             first != all.end()) {
    cause.judge_as = rounding_like(subject, all);
    cause.text = cause.judge_as.empty()
                     ? "something in " + first->one->part
                     : "errors look like rounding to " + cause.judge_as + how_to_judge_as(cause.judge_as);
  }
  if (cause.judge_as.empty() && !cause.text.empty() && cause.first_bad_position.value_or(0) > 0) {
    cause.text += fmt::format(" (right up to position {})", *cause.first_bad_position - 1);
  }
  return cause;
}

namespace {

bool is_broken(const Finding& finding) {
  return finding.verdict == Verdict::kBroken;
}

// True for rules that depend on logits, so that a mistake in the formulas may break them. Other rules break for other
// reasons.
bool depends_on_logits(const Finding& finding) {
  const std::string_view name = finding.rule.name;
  return name.starts_with("numerics.") || name.starts_with("features.") || name.starts_with("outputs.") ||
         name.starts_with("sequences.") || name.starts_with("callbacks.cancel") || name.starts_with("life.init") ||
         name.starts_with("life.two") || name.starts_with("life.any_order");
}

LikelyCause cause_in_child(const Subject& subject) {
  const auto work = [&] {
    const LikelyCause cause = cause_of_logits(subject);
    const Json position = cause.first_bad_position ? Json(*cause.first_bad_position) : Json(nullptr);
    throw Error(
        Json{{"text", cause.text}, {"mistake", cause.mistake}, {"as", cause.judge_as}, {"position", position}}.dump(),
        kFound);
  };
  try {
    probe_in_child(work, "the backend", kCauseTimeLimit, "looking for the cause");
  } catch (const Error& error) {
    if (error.cure() != kFound) return {};  // the backend fails before it answers; the rules report how
    const Json json = Json::parse(error.what());
    LikelyCause cause{json["text"], json["mistake"], json["as"], {}};
    if (!json["position"].is_null()) cause.first_bad_position = json["position"].get<std::int32_t>();
    return cause;
  }
  return {};
}

// Of the rules that the mistake alone breaks, all but the first follow from the first.
void mark_by_mistake(const Subject& subject, const std::string& mistake, std::span<Finding> findings) {
  const Subject mistaken = with_mistakes(subject, mistake);
  const Subject faultless = with_mistakes(subject, "");
  const char* root = nullptr;
  for (Finding& finding : findings) {
    if (!is_broken(finding) || !depends_on_logits(finding)) continue;
    if (!is_broken(examine(finding.rule, mistaken)) || is_broken(examine(finding.rule, faultless))) continue;
    if (root != nullptr) finding.follows_from = root;
    if (root == nullptr) root = finding.rule.name;
  }
}

// Without a known mistake: if the formulas are not met at all, every other rule that compares with float64 follows
// from the rule that says so.
void mark_by_first(std::span<Finding> findings) {
  constexpr std::string_view kFormulas = "numerics.logits_match";
  const auto root = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return is_broken(finding) && finding.rule.name == kFormulas;
  });
  if (root == findings.end()) return;
  for (Finding& finding : findings) {
    const std::string_view name = finding.rule.name;
    const bool compares = name.starts_with("numerics.") || name.starts_with("features.");
    if (&finding != &*root && is_broken(finding) && compares) finding.follows_from = root->rule.name;
  }
}

// A backend that crashes, or creates no model, breaks many rules for the same reason.
void mark_by_reason(std::span<Finding> findings) {
  for (std::size_t i = 0; i < findings.size(); ++i) {
    if (!is_broken(findings[i]) || findings[i].reasons.empty() || !findings[i].ended_early) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (!is_broken(findings[j]) || findings[j].reasons != findings[i].reasons) continue;
      findings[i].follows_from = findings[j].rule.name;
      break;
    }
  }
}

}  // namespace

LikelyCause find_cause(const Subject& subject, std::span<Finding> findings) {
  if (std::none_of(findings.begin(), findings.end(), is_broken)) return {};
  mark_by_reason(findings);
  const auto asks = [](const Finding& finding) {
    return is_broken(finding) && depends_on_logits(finding) && finding.follows_from.empty();
  };
  const auto first = std::find_if(findings.begin(), findings.end(), asks);
  if (first == findings.end()) return {};
  LikelyCause cause = cause_in_child(subject);
  if (!cause.first_bad_position) {
    const auto placed = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
      return is_broken(finding) && finding.first_bad_position.has_value();
    });
    if (placed != findings.end()) cause.first_bad_position = placed->first_bad_position;
  }
  if (!cause.mistake.empty()) {
    mark_by_mistake(subject, cause.mistake, findings);
  } else {
    mark_by_first(findings);
  }
  return cause;
}

}  // namespace inferbench::conformance
