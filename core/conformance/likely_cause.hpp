// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "conformance/examine.hpp"

namespace inferbench::conformance {

/// Why rules are broken, as far as it can be told.
struct LikelyCause {
  std::string text;                                ///< one line for people; empty where nothing is known
  std::string mistake;                             ///< the id of the known mistake that explains the logits, or empty
  std::string judge_as;                            ///< the precision whose rounding the errors look like, or empty
  std::optional<std::int32_t> first_bad_position;  ///< of a long sequence in one call, or else of a rule
};

/// Looks for the cause of the broken rules among `findings` (nothing is done where none is broken), and marks those
/// that only follow from an earlier one: the cause explains both, or both ended in the same way. The backend runs in a
/// child process.
LikelyCause find_cause(const Subject& subject, std::span<Finding> findings);

/// The backend's part of it, in this process: from its logits on cases(), without the rules.
LikelyCause cause_of_logits(const Subject& subject);

}  // namespace inferbench::conformance
