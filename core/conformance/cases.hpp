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

/// One step of a script that feeds a sequence: a truncate (none if negative), then a call with n tokens.
struct Step {
  std::size_t n = 0;
  std::int32_t rewind_to = -1;
};

/// Logits of every token that a script feeds, and the position of each token.
struct Trace {
  reference::Values logits;  ///< [positions.size(), vocab]
  std::vector<std::int32_t> positions;
};

/// A small model in which only some parts of the formulas matter, and the steps that feed it. Every common format
/// holds its weights exactly (an output channel has the values 0 and s, s a power of two), so any difference in a
/// backend's logits is a mistake or the rounding of activations.
struct Case {
  std::string name;  ///< such as "attention"
  std::string part;  ///< the wrong part if this case's logits are wrong and all earlier cases' are right
  ModelConfig config;
  std::vector<void (*)(TestModel&)> changes;  ///< applied to the weights, in order
  std::vector<Step> steps;
  bool exact = true;       ///< false: the weights are random
  double sensitivity = 1;  ///< how many times more the rounding of activations matters than elsewhere

  std::unique_ptr<TestModel> model() const;
  std::size_t n_tokens() const;
};

/// The cases that a backend with these IB_FEATURE_* computes, ordered from the simplest to the most complex.
std::vector<Case> cases(std::uint64_t features);

/// Models with random weights, which no low precision holds exactly, fed up to the full context length in one call and
/// in several.
std::vector<Case> long_cases(std::uint64_t features);

/// The backend's logits. Throws Error if the backend fails.
Trace answers_of(const Subject& subject, const Case& one, TestModel& weights);
/// The logits of a model with that mistake (null: the correct logits).
Trace answers_with(const Mistake* mistake, const Case& one, TestModel& weights);

/// The allowed error of a correct backend's logits in a case, in standard deviations of the correct logits. The
/// weights of exact cases are exact in every format, so only the rounding of activations remains.
double tolerance_of(const Subject& subject, const Case& one);

/// Where a backend's logits are, between the correct ones and those of a mistake.
struct Nearness {
  double to_right = 0;    ///< root mean square of the difference, in standard deviations of the correct logits
  double to_mistake = 0;  ///< likewise, to the mistake's logits
  double along = 0;       ///< projection onto the line between the two; 0: at the correct logits, 1: at the mistake
  double cosine = 0;      ///< between the error and that line; near 0 for rounding, near 1 for the mistake

  /// Distance between the correct logits and the mistake's, in standard deviations of the correct logits.
  double apart = 0;

  /// The backend makes this mistake: its logits are nearer to it, and not by chance. No tolerance is needed: rounding,
  /// however large, points elsewhere.
  bool is_mistake() const { return along > 0.5 && cosine > 0.35; }
  /// As is_mistake(), and the rest of the error is rounding or small, so no other mistake is needed to explain it.
  bool is_explained(double tolerance) const {
    return is_mistake() && to_mistake <= std::max(0.3 * to_right, 2 * tolerance);
  }
};

/// All three must have the same size.
Nearness nearness(const reference::Values& right, const reference::Values& mistaken, const reference::Values& found);

/// Root mean square of b - a.
double distance(const reference::Values& a, const reference::Values& b);
/// Standard deviation.
double spread(const reference::Values& values);

}  // namespace inferbench::conformance
