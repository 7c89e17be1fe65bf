// SPDX-License-Identifier: Apache-2.0
#include "conformance/near_miss_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace inferbench::conformance {

namespace {

// In standard deviations of the logits. A mistake with a smaller effect cannot be told from rounding that is the same
// in all values.
constexpr double kLeastApart = 0.03;

bool is_of_activation(const Case& one) {
  return std::string_view(one.name).starts_with("activation ");
}

}  // namespace

NearMissSearch NearMissSearch::of_activations(std::uint64_t features) {
  std::vector<Mistake> activations = near_misses();
  std::erase_if(activations, [](const Mistake& mistake) { return !mistake.id.starts_with("activation."); });
  std::vector<Case> wanted = cases(features);
  std::erase_if(wanted, [](const Case& one) { return !is_of_activation(one); });
  return {std::move(wanted), std::move(activations)};
}

NearMissSearch NearMissSearch::of_formulas(std::uint64_t features) {
  std::vector<Case> wanted = cases(features);
  std::erase_if(wanted, is_of_activation);
  return {std::move(wanted), near_misses()};
}

NearMissSearch::NearMissSearch(std::vector<Case> wanted, std::vector<Mistake> mistakes)
    : mistakes_(std::move(mistakes)) {
  for (Case& one : wanted) {
    auto weights = one.model();
    reference::Values right = answers_with(nullptr, one, *weights).logits;
    expected_.push_back({std::move(one), std::move(weights), std::move(right), {}});
  }
}

void NearMissSearch::run(Check& check) {
  for (Expected& expected : expected_) expect_nearest_is_right(check, expected);
}

void NearMissSearch::expect_nearest_is_right(Check& check, Expected& expected) const {
  const Case& one = expected.one;
  const Candidate model(check.subject(), expected.weights->desc());
  if (model.status() == IB_UNSUPPORTED) {
    return check.not_tried(fmt::format("{}: unsupported: {}", one.name, model.error().message));
  }
  const reference::Values found = answers_of(check.subject(), one, *expected.weights).logits;
  const double least = std::min(kLeastApart, check.subject().tolerance.numerics / 2);
  const double tolerance = tolerance_of(check.subject(), one);
  std::string nearest;
  double smallest = distance(expected.right, found) / spread(expected.right);
  // Logits that are nearer to a mistake than to the correct ones are off by at least half the distance between the
  // two.
  const bool may_be_mistaken = !(2 * smallest < least);
  if (!may_be_mistaken) return void(check.expect(true, one.name));
  for (const Mistake& mistake : mistakes_) {
    reference::Values& mistaken = expected.mistaken[&mistake];
    if (mistaken.empty()) mistaken = answers_with(&mistake, one, *expected.weights).logits;
    const Nearness near = nearness(expected.right, mistaken, found);
    if (near.apart < least || !near.is_explained(tolerance) || near.to_mistake >= smallest) continue;
    smallest = near.to_mistake;
    nearest = fmt::format(
        "{}: closest to this mistake: {} (off by {:.3g} of the logits' standard deviation from it, "
        "by {:.3g} from the correct logits)",
        one.name, mistake.text, near.to_mistake, near.to_right);
  }
  check.expect(nearest.empty(), nearest);
}

}  // namespace inferbench::conformance
