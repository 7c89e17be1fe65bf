// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conformance/mistakes.hpp"
#include "conformance/subject.hpp"
#include "conformance/test_model.hpp"

namespace inferbench::conformance {

/// A part of a script that feeds one sequence: a truncate (none where negative), then a call of n tokens.
struct Step {
  std::size_t n = 0;
  std::int32_t rewind_to = -1;
};

/// Logits of every token that a script feeds, and the position of each.
struct Trace {
  reference::Values logits;  ///< [positions.size(), vocab]
  std::vector<std::int32_t> positions;
};

/// A small model in which only some parts of the formulas matter, and how it is fed. Its weights are such that every
/// common format holds them exactly (an output channel has the values 0 and s, s a power of two), so that what differs
/// in a backend's logits is a mistake, or the rounding of activations.
struct Case {
  std::string name;  ///< such as "attention"
  std::string part;  ///< what is wrong if the logits are, and those of the cases before are right
  ModelConfig config;
  std::vector<void (*)(TestModel&)> changes;  ///< applied to the weights, in order
  std::vector<Step> steps;
  bool exact = true;       ///< else the weights are random
  double sensitivity = 1;  ///< how many times more the rounding of activations weighs than elsewhere

  std::unique_ptr<TestModel> model() const;
  std::size_t n_tokens() const;
};

/// From the simplest to the most involved.
const std::vector<Case>& cases();

/// A model with random weights, which no low precision holds exactly, fed as far as the context in one call and in
/// several.
std::vector<Case> long_cases();

/// What the backend answers. Throws Error where it fails.
Trace answers_of(const Subject& subject, const Case& one, TestModel& weights);
/// What a model with that mistake answers (null: the right answer).
Trace answers_with(const Mistake* mistake, const Case& one, TestModel& weights);

/// How far a right backend's logits may be off in a case, in standard deviations of the right logits. The weights of
/// exact cases are exact in every format: what remains is the rounding of activations.
double tolerance_of(const Subject& subject, const Case& one);

/// Where a backend's answer lies between the right one and that of a mistake.
struct Nearness {
  double to_right = 0;    ///< root mean square of the difference, in standard deviations of the right logits
  double to_mistake = 0;  ///< the same
  double along = 0;       ///< 0: at the right one, 1: at the mistake; projected onto the line between the two
  double cosine = 0;      ///< of the error with that line: near 0 for rounding, near 1 for the mistake

  /// How far apart the right answer and the mistake's are, in standard deviations of the right logits.
  double apart = 0;

  /// The answer is the mistake's: nearer to it, and not by chance. No tolerance is needed: rounding, however large,
  /// points elsewhere.
  bool is_mistake() const { return along > 0.5 && cosine > 0.35; }
  /// The same, and what the mistake leaves of the error is rounding, or little of it: no other mistake is needed.
  bool is_explained(double tolerance) const {
    return is_mistake() && to_mistake <= std::max(0.3 * to_right, 2 * tolerance);
  }
};

/// All have the same size.
Nearness nearness(const reference::Values& right, const reference::Values& mistaken, const reference::Values& found);

/// Root mean square of b - a.
double distance(const reference::Values& a, const reference::Values& b);
/// Standard deviation.
double spread(const reference::Values& values);

}  // namespace inferbench::conformance
