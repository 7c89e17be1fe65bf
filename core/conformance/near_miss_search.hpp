// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conformance/cases.hpp"
#include "conformance/check.hpp"

namespace inferbench::conformance {

/// Judges logits by what they are nearest to: the header's formulas or a near miss. A mistake that is smaller than a
/// precision's rounding is found all the same, because rounding points in no particular direction. What float64 answers
/// is computed once, for as many backends as are tried.
class NearMissSearch {
 public:
  /// In the cases of activations, where only other activations count: many a mistake of the MLP looks like one there.
  static NearMissSearch of_activations();
  /// In all other cases, of every near miss.
  static NearMissSearch of_formulas();

  /// Tries the subject in each case; what is nearest to a mistake is a finding that names it.
  void run(Check& check);

 private:
  /// A case, and what float64 answers.
  struct Expected {
    const Case* one;
    std::unique_ptr<TestModel> weights;
    reference::Values right;
    std::map<const Mistake*, reference::Values> mistaken;  ///< those that were asked for
  };

  NearMissSearch(const std::function<bool(const Case&)>& is_wanted, std::vector<Mistake> mistakes);
  void expect_nearest_is_right(Check& check, Expected& expected) const;

  std::vector<Mistake> mistakes_;
  std::vector<Expected> expected_;
};

}  // namespace inferbench::conformance
