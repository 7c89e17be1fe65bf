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
  kNotApplicable,  ///< the rule does not apply to this backend, or no part of it could be tried
};

/// "kept", "broken", "n/a".
std::string_view to_string(Verdict verdict);

/// The result of one rule.
struct Finding {
  Rule rule;
  Verdict verdict = Verdict::kKept;
  std::vector<std::string> reasons;    ///< findings, one line each; or why the rule does not apply
  std::vector<std::string> not_tried;  ///< parts of the rule that could not be tried, one line each
  std::optional<std::int32_t> first_bad_position;
  bool ended_early = false;  ///< by a crash, an exit, a time limit or an error that no rule expects
  std::string follows_from;  ///< the broken rule that explains this one; empty: none. See likely_cause.hpp.
};

/// Tries one rule in a child process, so that a backend that crashes, exits or hangs breaks only that rule.
Finding examine(const Rule& rule, const Subject& subject);

/// Why this machine does not support the subject's precision and options, in one line. Empty if it does, or if
/// creating a model fails for another reason.
std::string unsupported_here(const Subject& subject);

}  // namespace inferbench::conformance
