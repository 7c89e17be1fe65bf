// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "conformance/examine.hpp"

namespace inferbench::conformance {

/// Why rules are broken, as far as this can be determined.
struct LikelyCause {
  std::string text;                                ///< one line for people; empty if unknown
  std::string mistake;                             ///< the id of the known mistake that explains the logits, or empty
  std::string judge_as;                            ///< the precision whose rounding the errors look like, or empty
  std::optional<std::int32_t> first_bad_position;  ///< in a long sequence fed in one call, or otherwise in a rule
};

/// Looks for the cause of the broken rules in `findings`; does nothing if none is broken. Marks the rules that follow
/// from an earlier one because the cause explains both, or because both ended early for the same reason. The backend
/// runs in a child process.
LikelyCause find_cause(const Subject& subject, std::span<Finding> findings);

/// Analyzes only the backend's logits on cases(), without the rules, in this process.
LikelyCause cause_of_logits(const Subject& subject);

}  // namespace inferbench::conformance
