// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conformance/rules.hpp"

namespace inferbench::conformance {

enum class Verdict {
  kKept,
  kBroken,
  kNotApplicable,  ///< the rule asks nothing of this backend, or nothing of it could be tried
};

/// "kept", "broken", "n/a".
std::string_view to_string(Verdict verdict);

/// How one rule went.
struct Finding {
  Rule rule;
  Verdict verdict = Verdict::kKept;
  std::vector<std::string> reasons;    ///< what was found, a line each; or why it does not apply
  std::vector<std::string> not_tried;  ///< parts of the rule that could not be tried, a line each
  std::optional<std::int32_t> first_bad_position;
  bool ended_early = false;  ///< by a crash, an exit, a time limit or an error that no rule expects
  std::string follows_from;  ///< the rule whose break explains this one; empty: none. See likely_cause.hpp.
};

/// Tries one rule out, in a child process: a backend that crashes, exits or hangs breaks that rule and no other.
Finding examine(const Rule& rule, const Subject& subject);

/// Why this machine cannot do what the subject's precision and options ask for, one line; empty where it can, or where
/// making a model fails otherwise.
std::string unsupported_here(const Subject& subject);

}  // namespace inferbench::conformance
