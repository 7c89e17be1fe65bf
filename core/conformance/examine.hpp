// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conformance/rules.hpp"

namespace inferbench::conformance {

enum class Verdict {
  kKept,
  kBroken,
  kExempt,  ///< the rule does not apply
};

/// "kept", "broken", "exempt".
std::string_view to_string(Verdict verdict);

/// How one rule went.
struct Finding {
  Rule rule;
  Verdict verdict = Verdict::kKept;
  std::vector<std::string> reasons;  ///< what was found, a line each; or why it is exempt
};

/// Tries one rule out, in a child process: a backend that crashes, exits or hangs breaks that rule and no other.
Finding examine(const Rule& rule, const Subject& subject);

/// Why this machine cannot do what the subject's precision and options ask for, one line; empty where it can, or where
/// making a model fails otherwise.
std::string unsupported_here(const Subject& subject);

}  // namespace inferbench::conformance
