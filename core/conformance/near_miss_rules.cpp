// SPDX-License-Identifier: Apache-2.0
#include "conformance/near_miss_search.hpp"
#include "conformance/rules.hpp"

namespace inferbench::conformance {

namespace {

void nearest_activation(Check& check) {
  NearMissSearch::of_activations(check.subject().features()).run(check);
}

void nearest_formulas(Check& check) {
  NearMissSearch::of_formulas(check.subject().features()).run(check);
}

// The search changes single parts of a model.
std::string has_whole_families(const Subject& subject) {
  return (subject.features() & kWholeFamilies) == 0
             ? ""
             : "the table declares whole families only; other rules compare each of them with the header's formulas";
}

constexpr Rule kNearMissRules[] = {
    {"numerics.nearest_activation",
     "activations are distinct: logits are closer to the right one than to another one, or to quick-GELU",
     nearest_activation, has_whole_families},
    {"numerics.nearest_formulas", "logits are closer to the header's formulas than to any known mistake",
     nearest_formulas, has_whole_families}};

}  // namespace

std::span<const Rule> near_miss_rules() {
  return kNearMissRules;
}

}  // namespace inferbench::conformance
