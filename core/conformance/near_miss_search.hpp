// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conformance/cases.hpp"
#include "conformance/check.hpp"

namespace inferbench::conformance {

/// Judges logits by what they are nearest to: the header's formulas or a near miss. It finds mistakes that are smaller
/// than a precision's rounding, because rounding points in no particular direction. The float64 logits are computed
/// once, for any number of backends.
class NearMissSearch {
 public:
  // For a backend with these IB_FEATURE_*.

  /// Covers the activation cases. Only other activations count there, because many mistakes in the MLP look like one.
  static NearMissSearch of_activations(std::uint64_t features);
  /// Covers all other cases and all near misses.
  static NearMissSearch of_formulas(std::uint64_t features);

  /// Tries the subject in each case. A case whose logits are nearest to a mistake is a finding that names the mistake.
  void run(Check& check);

 private:
  /// A case, and its float64 logits.
  struct Expected {
    Case one;
    std::unique_ptr<TestModel> weights;
    reference::Values right;
    std::map<const Mistake*, reference::Values> mistaken;  ///< computed on demand
  };

  NearMissSearch(std::vector<Case> wanted, std::vector<Mistake> mistakes);
  void expect_nearest_is_right(Check& check, Expected& expected) const;

  std::vector<Mistake> mistakes_;
  std::vector<Expected> expected_;
};

}  // namespace inferbench::conformance
