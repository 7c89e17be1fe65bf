// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "results/operator_result.hpp"

namespace inferbench {

/// The attempts at one block of operators, per row and in order. A row that failed has fewer, or none.
using OperatorAttempts = std::vector<std::vector<OperatorTime>>;

/// Adds the attempts to `rows`: the one that counts to `times`, the others to `replaced`. The rule is that of
/// choose_attempts: the fewest disturbed samples among rows that are ok, the first in a tie, and the same attempt for
/// all.
void add_attempts(const OperatorAttempts& attempts, std::vector<OperatorRow>& rows);

}  // namespace inferbench
