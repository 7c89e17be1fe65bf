// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "conformance/check.hpp"

namespace inferbench::conformance {

/// One rule of backend.h that can be tried out.
struct Rule {
  const char* name;
  const char* text;  ///< the rule, one line
  void (*check)(Check& check);
  /// Why the rule does not apply to the subject; empty where it does. Null: it applies to all.
  std::string (*exempt)(const Subject& subject) = nullptr;
};

// One file each.
std::span<const Rule> table_rules();      ///< what the table says of itself
std::span<const Rule> numerics_rules();   ///< logits are GPT-2's, and weights are read as they are
std::span<const Rule> output_rules();     ///< the four outputs agree and stay inside their buffers
std::span<const Rule> sequence_rules();   ///< however tokens are fed, a sequence's logits are its own
std::span<const Rule> argument_rules();   ///< what a caller can get wrong is refused and changes nothing
std::span<const Rule> cancel_rules();     ///< callbacks
std::span<const Rule> reuse_rules();      ///< nothing is answered from memory unless that is declared
std::span<const Rule> life_rules();       ///< contexts, models and sessions, threads and memory
std::span<const Rule> near_miss_rules();  ///< logits are nearer to the formulas than to known mistakes

/// All of them, in that order.
std::vector<Rule> all_rules();

}  // namespace inferbench::conformance
