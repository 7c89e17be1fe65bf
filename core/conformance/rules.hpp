// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "conformance/check.hpp"

namespace inferbench::conformance {

/// One testable rule of backend.h.
struct Rule {
  const char* name;
  const char* text;  ///< the rule, in one line
  void (*check)(Check& check);
  /// Returns why the rule does not apply to the subject, or empty if it does. Null: it applies to every subject.
  std::string (*exempt)(const Subject& subject) = nullptr;
};

// Each is defined in its own file.
std::span<const Rule> table_rules();      ///< the table's description of itself
std::span<const Rule> numerics_rules();   ///< logits match the header's formulas, and weights are read as stored
std::span<const Rule> feature_rules();    ///< each declared feature is computed
std::span<const Rule> output_rules();     ///< the four outputs agree and stay inside their buffers
std::span<const Rule> sequence_rules();   ///< a sequence's logits do not depend on how tokens are fed or on other
                                          ///< sequences
std::span<const Rule> argument_rules();   ///< invalid arguments are refused and change nothing
std::span<const Rule> cancel_rules();     ///< callbacks
std::span<const Rule> reuse_rules();      ///< results are not reused unless the backend declares it
std::span<const Rule> life_rules();       ///< contexts, models and sessions, threads and memory
std::span<const Rule> near_miss_rules();  ///< logits are nearer to the formulas than to known mistakes

/// All rules, in that order.
std::vector<Rule> all_rules();

}  // namespace inferbench::conformance
