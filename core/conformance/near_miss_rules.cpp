// SPDX-License-Identifier: Apache-2.0
// Logits are judged by what they are nearest to: the header's formulas or a known mistake. A mistake that is smaller
// than a precision's rounding is found all the same, because rounding points in no particular direction.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "conformance/cases.hpp"
#include "conformance/rules.hpp"

namespace inferbench::conformance {

namespace {

// Of the standard deviation. A mistake that shows less cannot be told from rounding that is the same in all values.
constexpr double kLeastApart = 0.03;

// Names that of the mistakes which the backend's logits are nearest to, unless they are nearest to the right ones.
void expect_nearest_is_right(Check& check, const Case& one, const std::vector<Mistake>& mistakes) {
  const auto weights = one.model();
  const Candidate model(check.subject(), weights->desc());
  if (model.status() == IB_UNSUPPORTED) {
    return check.not_tried(fmt::format("{}: unsupported: {}", one.name, model.error().message));
  }
  const Trace found = answers_of(check.subject(), one, *weights);
  const Trace right = answers_with(nullptr, one, *weights);
  const double least = std::min(kLeastApart, check.subject().tolerance.numerics / 2);
  const double tolerance = tolerance_of(check.subject(), one);
  std::string nearest;
  double smallest = distance(right.logits, found.logits) / spread(right.logits);
  // What is nearer to a mistake than to the right one is at least half as far off as the two are apart.
  const bool may_be_mistaken = !(2 * smallest < least);
  if (!may_be_mistaken) return void(check.expect(true, one.name));
  for (const Mistake& mistake : mistakes) {
    const Nearness near = nearness(right.logits, answers_with(&mistake, one, *weights).logits, found.logits);
    if (near.apart < least || !near.is_explained(tolerance) || near.to_mistake >= smallest) continue;
    smallest = near.to_mistake;
    nearest = fmt::format(
        "{}: closest to this mistake: {} (off by {:.3g} of the logits' standard deviation from it, "
        "by {:.3g} from what is right)",
        one.name, mistake.text, near.to_mistake, near.to_right);
  }
  check.expect(nearest.empty(), nearest);
}

bool is_of_activation(const Case& one) {
  return std::string_view(one.name).starts_with("activation ");
}

// In these cases many a mistake of the MLP looks as if the activation were another; the other rule tells those.
void nearest_activation(Check& check) {
  std::vector<Mistake> activations = near_misses();
  std::erase_if(activations, [](const Mistake& mistake) { return !mistake.id.starts_with("activation."); });
  for (const Case& one : cases()) {
    if (is_of_activation(one)) expect_nearest_is_right(check, one, activations);
  }
}

void nearest_formulas(Check& check) {
  const std::vector<Mistake> mistakes = near_misses();
  for (const Case& one : cases()) {
    if (!is_of_activation(one)) expect_nearest_is_right(check, one, mistakes);
  }
}

constexpr Rule kNearMissRules[] = {
    {"numerics.nearest_activation",
     "gelu_new, gelu and relu are told apart: logits are nearest to the right one's, of quick-GELU, SiLU and others",
     nearest_activation},
    {"numerics.nearest_formulas", "logits are nearer to the header's formulas than to any known mistake",
     nearest_formulas}};

}  // namespace

std::span<const Rule> near_miss_rules() {
  return kNearMissRules;
}

}  // namespace inferbench::conformance
